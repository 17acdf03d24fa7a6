"""The Glue catalog as moto has it, with Glue's optimistic lock, and tables that outlive the process."""

import json
import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue import models, responses

from embedded_aws.store import Store

_lock = threading.Lock()


class LockingResponse(responses.GlueResponse):  # type: ignore[misc]
    """UpdateTable with a VersionId that is not the present one is refused: Iceberg's commits depend on it."""

    def update_table(self) -> Any:
        with _lock:
            wanted = self.parameters.get("VersionId")
            table = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"])
            present = str(table._current_version)
            if wanted is not None and str(wanted) != present:
                raise JsonRESTError("ConcurrentModificationException", f"Version {wanted} is not {present}")
            return super().update_table()


class CatalogBackend(models.GlueBackend):  # type: ignore[misc]
    """Databases and tables, written to the store before the client is answered."""

    store: Store

    def create_database(self, database_name: str, *rest: Any, **options: Any) -> Any:
        database = super().create_database(database_name, *rest, **options)
        self._keep(database_name, "", {"input": database.input})
        return database

    def delete_database(self, database_name: str) -> None:
        super().delete_database(database_name)
        self.store.write("DELETE FROM glue WHERE region = ? AND database = ?", self.region_name, database_name)

    def create_table(self, database_name: str, table_name: str, *rest: Any, **options: Any) -> Any:
        table = super().create_table(database_name, table_name, *rest, **options)
        self._keep_table(table)
        return table

    def update_table(self, database_name: str, table_name: str, table_input: dict[str, Any]) -> None:
        super().update_table(database_name, table_name, table_input)
        self._keep_table(self.get_table(database_name, table_name))

    def delete_table(self, database_name: str, table_name: str) -> None:
        super().delete_table(database_name, table_name)
        self.store.write(
            "DELETE FROM glue WHERE region = ? AND database = ? AND name = ?",
            self.region_name,
            database_name,
            table_name,
        )

    def _keep_table(self, table: Any) -> None:
        version = str(table._current_version)
        self._keep(table.database_name, table.name, {"version": version, "input": table.versions[version]})

    def _keep(self, database: str, table: str, described: dict[str, Any]) -> None:
        row = (self.region_name, database, table, json.dumps(described, default=str))
        self.store.write("INSERT OR REPLACE INTO glue VALUES (?, ?, ?, ?)", *row)

    @classmethod
    def regions(cls) -> list[str]:
        """The regions that have databases in the store."""
        return [region for (region,) in cls.store.read("SELECT DISTINCT region FROM glue")]

    def restore(self) -> None:
        """Bring this region's databases, and the present version of its tables, back."""
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
