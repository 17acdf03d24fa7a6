"""The one state of the feature table that a refit reads, and what its rows hold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, count, count_if, countDistinct, lit, when

from pomona.errors import MisconfiguredError
from pomona.iceberg import load_table, table_exists


@dataclass(frozen=True)
class Snapshot:
    """A committed state of a table; of two, the newer one has the larger sequence number."""

    id: int
    sequence_number: int
    committed_at: datetime


@dataclass(frozen=True)
class Census:
    """How many rows the table has, of what kind, whatever their backbone."""

    images: int
    errors: int
    stale: int
    """Rows with features of another backbone, which the next backfill makes again."""
    classes: int
    """Different labels among the rows with features of this backbone."""


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
        current = load_table(spark, name).currentSnapshot()
        if current is None:
            raise MisconfiguredError(f"the table {name} is empty: no featurize run has published yet")
        committed_at = datetime.fromtimestamp(current.timestampMillis() / 1000, UTC)
        return cls(spark, name, Snapshot(current.snapshotId(), current.sequenceNumber(), committed_at))

    def rows(self) -> DataFrame:
        """All rows of the snapshot."""
        return self.spark.read.option("versionAsOf", self.snapshot.id).table(self.name)

    def is_kept(self) -> bool:
        """Whether the table still has the snapshot: one that an erasure has expired may not be shown any more."""
        return load_table(self.spark, self.name).snapshot(self.snapshot.id) is not None

    def featurized(self, backbone: str) -> DataFrame:
        """The rows with features of this backbone: not those of another, nor those with an error."""
        return self.rows().where((col("backbone") == backbone) & col("features").isNotNull())

    def census(self, backbone: str) -> Census:
        """Count the rows, in one pass over three small columns."""
        sound, current = col("error").isNull(), col("backbone") == backbone
        counted = self.rows().agg(
            count(lit(1)),
            count_if(~sound),
            count_if(sound & ~current),
            countDistinct(when(sound & current, col("label"))),
        )
        return Census(*counted.collect()[0])

    def failures(self, limit: int) -> list[dict[str, Any]]:
        """Key and error of the first rows, by key, that could not be made into features."""
        failed = self.rows().where(col("error").isNotNull()).select("key", "error")
        return [row.asDict() for row in failed.orderBy("key").limit(limit).collect()]
