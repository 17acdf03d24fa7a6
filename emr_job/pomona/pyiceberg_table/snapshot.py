"""The one snapshot of the feature table that a refit reads."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from pyiceberg.table import Table

from pomona.errors import MisconfiguredError
from pomona.pyiceberg_table.catalog import load_table
from pomona.pyiceberg_table.data_files import data_files
from pomona.table.scan import DataFile


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a table. A newer one has a larger sequence number."""

    id: int
    sequence_number: int
    committed_at: datetime


@dataclass(frozen=True)
class PinnedTable:
    """The table `database`.`name` at one snapshot: every read sees the same rows, whatever is committed meanwhile."""

    lake_bucket: str
    database: str
    name: str
    table: Table
    snapshot: Snapshot

    @classmethod
    def at_present(cls, lake_bucket: str, database: str, name: str) -> Self:
        """Pin the snapshot that is current on main.

        Raises:
            MisconfiguredError: there is no table, or nothing has been published.
        """
        table = load_table(lake_bucket, database, name)
        if table is None:
            raise MisconfiguredError(f"there is no table {database}.{name}: no featurize run has ended yet")
        current = table.current_snapshot()
        if current is None:
            raise MisconfiguredError(f"the table {database}.{name} is empty: no featurize run has published yet")
        committed_at = datetime.fromtimestamp(current.timestamp_ms / 1000, UTC)
        snapshot = Snapshot(current.snapshot_id, current.sequence_number or 0, committed_at)
        return cls(lake_bucket, database, name, table, snapshot)

    @property
    def uuid(self) -> str:
        """Return the table's UUID; a table that was dropped and created again has another."""
        return str(self.table.metadata.table_uuid)

    def files(self) -> list[DataFile]:
        """Return the data files of the snapshot.

        Raises:
            MisconfiguredError: the table has a file of a kind that no run writes.
        """
        return data_files(self.table, self.snapshot.id)

    def is_kept(self) -> bool:
        """Return True if the table is there and still has the snapshot.

        An erasure expires snapshots, whose rows must then not be shown any more. A table that was dropped, or created
        again, has none of them.
        """
        present = load_table(self.lake_bucket, self.database, self.name)
        return present is not None and present.snapshot_by_id(self.snapshot.id) is not None
