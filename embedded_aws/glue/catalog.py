"""The Glue catalog: moto's, with Glue's optimistic lock and tables that survive a restart."""

import json
import threading
from typing import Any

from embedded_aws.moto_internals.glue import GlueBackend, GlueResponse
from embedded_aws.moto_internals.protocols import JsonRESTError
from embedded_aws.store import Store

_lock = threading.Lock()


class LockingResponse(GlueResponse):  # type: ignore[misc]
    """Refuses an UpdateTable whose VersionId is not the current one. Iceberg's commits depend on it."""

    def update_table(self) -> Any:
        with _lock:
            wanted = self.parameters.get("VersionId")
            table = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"])
            present = str(table._current_version)
            if wanted is not None and str(wanted) != present:
                raise JsonRESTError("ConcurrentModificationException", f"Version {wanted} is not {present}")
            return super().update_table()


class CatalogBackend(GlueBackend):  # type: ignore[misc]
    """Databases and tables, written to the store before the client gets its response."""

    store: Store

    def create_database(self, database_name: str, *rest: Any, **options: Any) -> Any:
        database = super().create_database(database_name, *rest, **options)
        self._save(database_name, "", {"input": database.input})
        return database

    def delete_database(self, database_name: str) -> None:
        super().delete_database(database_name)
        self.store.write("DELETE FROM glue WHERE region = ? AND database = ?", self.region_name, database_name)

    def create_table(self, database_name: str, table_name: str, *rest: Any, **options: Any) -> Any:
        table = super().create_table(database_name, table_name, *rest, **options)
        self._save_table(table)
        return table

    def update_table(self, database_name: str, table_name: str, table_input: dict[str, Any]) -> None:
        super().update_table(database_name, table_name, table_input)
        self._save_table(self.get_table(database_name, table_name))

    def delete_table(self, database_name: str, table_name: str) -> None:
        super().delete_table(database_name, table_name)
        self.store.write(
            "DELETE FROM glue WHERE region = ? AND database = ? AND name = ?",
            self.region_name,
            database_name,
            table_name,
        )

    def _save_table(self, table: Any) -> None:
        version = str(table._current_version)
        self._save(table.database_name, table.name, {"version": version, "input": table.versions[version]})

    def _save(self, database: str, table: str, described: dict[str, Any]) -> None:
        row = (self.region_name, database, table, json.dumps(described, default=str))
        self.store.write("INSERT OR REPLACE INTO glue VALUES (?, ?, ?, ?)", *row)

    @classmethod
    def regions(cls) -> list[str]:
        """Return the regions that have databases in the store."""
        return [region for (region,) in cls.store.read("SELECT DISTINCT region FROM glue")]

    def restore(self) -> None:
        """Restore this region's databases and the current version of its tables."""
        rows = self.store.read(
            "SELECT database, name, described FROM glue WHERE region = ? ORDER BY database, name", self.region_name
        )
        for database, name, text in rows:
            described = json.loads(text)
            if not name:
                super().create_database(database, described["input"])
                continue
            table = super().create_table(database, name, described["input"])
            table._current_version = int(described["version"])
            table.versions = {described["version"]: described["input"]}
