"""What survives the server: SQLite under the state folder, written before a client is answered."""

import dataclasses
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stacks (stack_id TEXT PRIMARY KEY, region TEXT, saved TEXT);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, region TEXT);
CREATE TABLE IF NOT EXISTS bucket_settings (bucket TEXT, setting TEXT, value TEXT, PRIMARY KEY (bucket, setting));
CREATE TABLE IF NOT EXISTS objects (bucket TEXT, key TEXT, described TEXT, body BLOB, PRIMARY KEY (bucket, key));
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, region TEXT, queue TEXT, described TEXT);
CREATE TABLE IF NOT EXISTS glue (region TEXT, database TEXT, name TEXT, described TEXT,
                                 PRIMARY KEY (region, database, name));
CREATE TABLE IF NOT EXISTS metrics (region TEXT, namespace TEXT, at REAL, datum TEXT);
CREATE TABLE IF NOT EXISTS alarms (region TEXT, name TEXT, state TEXT, PRIMARY KEY (region, name));
CREATE TABLE IF NOT EXISTS emr (kind TEXT, id TEXT PRIMARY KEY, region TEXT, described TEXT);
"""


class Store:
    """One SQLite connection for all threads.

    It survives the death of the process at any point (that is what the write-ahead log is for); it does not try to
    survive a power failure, for which every write would have to wait for the disk.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def write(self, statement: str, *values: Any) -> None:
        """Run one statement that changes something."""
        with self._lock:
            self._connection.execute(statement, values)

    def write_all(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Run a statement for many rows in one transaction."""
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")

    def read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


class StackStore:
    """The deployed stacks: what a new server has to deploy again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_stack(self, stack: Any) -> None:
        """Remember the stack as it is now."""
        saved = {
            "name": stack.name,
            "stack_id": stack.stack_id,
            "template": stack.template,
            "parameters": stack.values,
            "tags": stack.tags,
            "status": stack.status,
            "resources": [dataclasses.asdict(resource) for resource in stack.target.resources.values()],
        }
        self._store.write(
            "INSERT INTO stacks VALUES (?, ?, ?) ON CONFLICT (stack_id) DO UPDATE SET saved = excluded.saved",
            stack.stack_id,
            stack.region_name,
            json.dumps(saved),
        )

    def forget_stack(self, stack_id: str) -> None:
        """The stack has been deleted."""
        self._store.write("DELETE FROM stacks WHERE stack_id = ?", stack_id)

    def stacks(self, region: str) -> list[dict[str, Any]]:
        """The region's stacks in the order of their creation, those without a template left out."""
        rows = self._store.read("SELECT saved FROM stacks WHERE region = ? ORDER BY rowid", region)
        return [saved for (text,) in rows if (saved := json.loads(text))["template"]]

    def regions(self) -> list[str]:
        """The regions that have stacks."""
        return [region for (region,) in self._store.read("SELECT DISTINCT region FROM stacks")]
