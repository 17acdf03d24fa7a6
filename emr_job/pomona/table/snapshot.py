"""The one snapshot of the feature table that a refit reads."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pomona.errors import MisconfiguredError
from pomona.table.data_files import data_files
from pomona.table.iceberg import load_table, table_exists
from pomona.table.scan import DataFile


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a table. A newer one has a larger sequence number."""

    id: int
    sequence_number: int
    committed_at: datetime


@dataclass(frozen=True)
class PinnedTable:
    """The table `name` at one snapshot: every read sees the same rows, whatever is committed meanwhile."""

    spark: SparkSession
    name: str
    uuid: str
    """Of the table; a table that was dropped and created again has another."""
    snapshot: Snapshot

    @classmethod
    def at_present(cls, spark: SparkSession, name: str) -> "PinnedTable":
        """Pin the snapshot that is current on main.

        Raises:
            MisconfiguredError: there is no table, or nothing has been published.
        """
        if not table_exists(spark, *name.split(".")):
            raise MisconfiguredError(f"there is no table {name}: no featurize run has ended yet")
        table = load_table(spark, *name.split("."))
        current = table.currentSnapshot()
        if current is None:
            raise MisconfiguredError(f"the table {name} is empty: no featurize run has published yet")
        committed_at = datetime.fromtimestamp(current.timestampMillis() / 1000, UTC)
        uuid = str(table.uuid().toString())
        return cls(spark, name, uuid, Snapshot(current.snapshotId(), current.sequenceNumber(), committed_at))

    def files(self) -> list[DataFile]:
        """Return the data files of the snapshot."""
        return data_files(load_table(self.spark, *self.name.split(".")), self.snapshot.id)

    def is_kept(self) -> bool:
        """Return True if the table is there and still has the snapshot.

        An erasure expires snapshots, whose rows must then not be shown any more. A table that was dropped, or created
        again, has none of them.
        """
        place = self.name.split(".")
        return (
            table_exists(self.spark, *place) and load_table(self.spark, *place).snapshot(self.snapshot.id) is not None
        )
