"""The one state of the feature table that a refit reads."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pomona.errors import MisconfiguredError
from pomona.table.iceberg import load_table, table_exists
from pomona.table.scan import DataFile, data_files


@dataclass(frozen=True)
class Snapshot:
    """A committed state of a table; of two, the newer one has the larger sequence number."""

    id: int
    sequence_number: int
    committed_at: datetime


@dataclass(frozen=True)
class PinnedTable:
    """The table `name` as it was at one snapshot: whatever is committed meanwhile, every read sees the same rows."""

    spark: SparkSession
    name: str
    uuid: str
    """Of the table: one that was dropped and created again has another."""
    snapshot: Snapshot

    @classmethod
    def at_present(cls, spark: SparkSession, name: str) -> "PinnedTable":
        """Pin the snapshot that is current on main; MisconfiguredError if there is no table or nothing published."""
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
        """The files that its rows lie in."""
        return data_files(load_table(self.spark, *self.name.split(".")), self.snapshot.id)

    def is_kept(self) -> bool:
        """Return True if the table is there and still has the snapshot.

        One that an erasure has expired may not be shown any more; a table that was dropped, or made anew, has none.
        """
        place = self.name.split(".")
        return (
            table_exists(self.spark, *place) and load_table(self.spark, *place).snapshot(self.snapshot.id) is not None
        )
