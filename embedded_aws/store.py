"""What survives a restart: SQLite in the state folder, written before a client gets its response."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stacks (stack_id TEXT PRIMARY KEY, region TEXT, saved TEXT);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, region TEXT);
CREATE TABLE IF NOT EXISTS bucket_settings (bucket TEXT, setting TEXT, value TEXT, PRIMARY KEY (bucket, setting));
CREATE TABLE IF NOT EXISTS objects (bucket TEXT, key TEXT, described TEXT, PRIMARY KEY (bucket, key));
CREATE TABLE IF NOT EXISTS bodies (bucket TEXT, key TEXT, body BLOB, PRIMARY KEY (bucket, key));
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, region TEXT, queue TEXT, described TEXT);
CREATE TABLE IF NOT EXISTS glue (region TEXT, database TEXT, name TEXT, described TEXT,
                                 PRIMARY KEY (region, database, name));
CREATE TABLE IF NOT EXISTS metrics (region TEXT, namespace TEXT, at REAL, datum TEXT);
CREATE TABLE IF NOT EXISTS alarms (region TEXT, name TEXT, state TEXT, PRIMARY KEY (region, name));
CREATE TABLE IF NOT EXISTS function_urls (region TEXT, function TEXT, id TEXT, port INTEGER,
                                         PRIMARY KEY (region, function));
CREATE TABLE IF NOT EXISTS emr (kind TEXT, id TEXT PRIMARY KEY, region TEXT, described TEXT);
"""


class Store:
    """One SQLite connection for all threads.

    The write-ahead log survives the end of the process at any point. It may not survive a power failure, because no
    write waits for the disk.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)
        self._split_objects()

    def write(self, statement: str, *values: Any) -> None:
        """Execute a statement."""
        with self._lock:
            self._connection.execute(statement, values)

    def write_all(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Execute a statement for many rows, in one transaction."""
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")

    def write_together(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Execute statements, each with its values, in one transaction."""
        with self._lock:
            self._connection.execute("BEGIN")
            for statement, values in statements:
                self._connection.execute(statement, values)
            self._connection.execute("COMMIT")

    def read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _split_objects(self) -> None:
        """Move the bodies of an older state folder to `bodies`: SQLite rewrites the whole row in an UPDATE."""
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(objects)")}
        if "body" in columns:
            self._connection.execute("INSERT OR IGNORE INTO bodies SELECT bucket, key, body FROM objects")
            self._connection.execute("ALTER TABLE objects DROP COLUMN body")
