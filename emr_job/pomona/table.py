"""The feature table: an Iceberg table in the Glue catalog that changes by one published branch a run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import broadcast, col

from pomona.errors import PublishRefusedError, first_line
from pomona.iceberg import load_table, table_exists
from pomona.rows import TABLE_SCHEMA
from pomona.session import CATALOG

PROPERTIES = {
    "format-version": "2",
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    "write.delete.mode": "merge-on-read",
    "write.merge.isolation-level": "serializable",
    "write.delete.granularity": "partition",
    # the table has no partitions: another shuffle of all features before the write would order nothing
    "write.merge.distribution-mode": "none",
    "write.target-file-size-bytes": str(128 * 2**20),
    "write.metadata.delete-after-commit.enabled": "true",
}
BRANCH_PREFIX = "run_"
MERGE = """
MERGE INTO {target} row USING {changes} change ON row.key = change.key AND row.bucket = change.bucket
WHEN MATCHED AND change.gone THEN DELETE
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED AND NOT change.gone THEN INSERT *
"""


def branch_name(batch_id: str, attempt: int) -> str:
    """The branch of one attempt, in letters that need no quotes."""
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{BRANCH_PREFIX}{batch_id}_{attempt}")


@dataclass(frozen=True)
class FeatureTable:
    """The table `database`.`table` of a catalog, through one Spark session."""

    spark: SparkSession
    database: str
    table: str
    catalog: str = CATALOG

    @property
    def name(self) -> str:
        """The table's name in Spark's SQL."""
        return f"{self.catalog}.{self.database}.{self.table}"

    def create_if_missing(self) -> None:
        """The first run makes the table. An existing one is left as it is."""
        if table_exists(self.spark, self.catalog, self.database, self.table):
            return
        properties = ", ".join(f"'{name}' = '{value}'" for name, value in PROPERTIES.items())
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.name} ({TABLE_SCHEMA}) USING iceberg TBLPROPERTIES ({properties})"
        )

    @contextmanager
    def branch(self, name: str) -> Iterator[str]:
        """A branch that starts where the table is now, for as long as the block runs.

        A leftover of the same name (of a driver that died) is taken over from where the table is now.
        """
        table = self.load()
        _drop(table, name)
        table.manageSnapshots().createBranch(name).commit()
        try:
            yield name
        finally:
            _drop(self.load(), name)

    def load(self) -> Any:  # noqa: ANN401 (an object of the JVM)
        """Iceberg's own object of the table as it is now."""
        return load_table(self.spark, self.name)

    def known(self, branch: str, bucket: str, keys: list[str]) -> pa.Table:
        """Columns key, etag, backbone of the rows of these keys. Reads three columns, shuffles nothing."""
        if self._is_empty(branch):
            return pa.table({name: pa.array([], pa.string()) for name in ("key", "etag", "backbone")})
        wanted = self.spark.createDataFrame(pa.table({"key": pa.array(keys, pa.string())}))
        rows = self.spark.read.option("branch", branch).table(self.name).where(col("bucket") == bucket)
        return rows.join(broadcast(wanted), "key").select("key", "etag", "backbone").toArrow()

    def _is_empty(self, branch: str) -> bool:
        summary = self.load().snapshot(branch).summary()
        return bool(summary.get("total-records") == "0")

    def merge(self, branch: str, changes: DataFrame, properties: dict[str, str]) -> None:
        """One commit into the branch: rows of `changes` (rows.CHANGES_SCHEMA) inserted, replaced, or deleted if gone.

        `properties` go into the snapshot's summary. Merge-on-read evaluates `changes` once; copy-on-write would twice.
        """
        changes.createOrReplaceTempView("changes")
        with self._snapshot_properties(properties):
            self.spark.sql(MERGE.format(target=f"{self.name}.branch_{branch}", changes="changes"))

    def append(self, branch: str, changes: DataFrame, properties: dict[str, str]) -> None:
        """What `merge` does when the table knows none of the keys, without looking at the table's rows at all.

        The branch began where the keys were looked up, so nobody else can have put them there in between.
        """
        rows = changes.drop("gone").hint("rebalance")  # few files, however many tasks
        with self._snapshot_properties(properties):
            rows.writeTo(f"{self.name}.branch_{branch}").append()

    @contextmanager
    def _snapshot_properties(self, properties: dict[str, str]) -> Iterator[None]:
        settings = {f"spark.sql.iceberg.snapshot-property.{name}": value for name, value in properties.items()}
        for name, value in settings.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in settings:
                self.spark.conf.unset(name)

    def publish(self, branch: str) -> int:
        """Make the branch the table's present, drop it in the same commit, and give its snapshot id.

        PublishRefusedError if anybody has committed to the table since the branch was made.
        """
        table = self.load()
        head = table.refs().get(branch)
        if head is None:  # a newer run has dropped what it took for a leftover
            raise PublishRefusedError(f"the table changed while {branch} ran, nothing is published: the branch is gone")
        snapshot_id = int(head.snapshotId())
        try:
            table.manageSnapshots().fastForwardBranch("main", branch).removeBranch(branch).commit()
        except (PySparkException, Py4JJavaError) as error:
            raise PublishRefusedError(
                f"the table changed while {branch} ran, nothing is published: {first_line(error, 200)}"
            ) from error
        return snapshot_id


def _drop(table: Any, branch: str) -> None:  # noqa: ANN401 (an object of the JVM)
    if table.refs().containsKey(branch):
        table.manageSnapshots().removeBranch(branch).commit()
