"""The one state of the feature table that a refit reads."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pomona.errors import MisconfiguredError
from pomona.iceberg import load_table, table_exists
from pomona.scan import DataFile, data_files


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
    snapshot: Snapshot

    @classmethod
    def at_present(cls, spark: SparkSession, name: str) -> "PinnedTable":
        """Pin the snapshot that is current on main; MisconfiguredError if there is no table or nothing published."""
        if not table_exists(spark, *name.split(".")):
            raise MisconfiguredError(f"there is no table {name}: no featurize run has ended yet")
        current = load_table(spark, *name.split(".")).currentSnapshot()
        if current is None:
            raise MisconfiguredError(f"the table {name} is empty: no featurize run has published yet")
        committed_at = datetime.fromtimestamp(current.timestampMillis() / 1000, UTC)
        return cls(spark, name, Snapshot(current.snapshotId(), current.sequenceNumber(), committed_at))

    def files(self) -> list[DataFile]:
        """The files that its rows lie in."""
        return data_files(load_table(self.spark, *self.name.split(".")), self.snapshot.id)

    def is_kept(self) -> bool:
        """Whether the table still has the snapshot: one that an erasure has expired may not be shown any more."""
        return load_table(self.spark, *self.name.split(".")).snapshot(self.snapshot.id) is not None
