"""The feature table: an Iceberg table in the Glue catalog that changes by one published branch a run."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pomona.errors import PublishRefusedError, first_line
from pomona.iceberg import (
    POSITIONS,
    create_table,
    data_file,
    load_table,
    parquet_schema,
    position_deletes,
    ranges_of,
    table_exists,
    within,
)
from pomona.known_rows import find_rows
from pomona.objects import bucket_and_key
from pomona.parquet_files import write_parquet
from pomona.rows import ROWS, table_schema
from pomona.scan import data_files
from pomona.session import CATALOG
from pomona.writing import FILE_BYTES, RowWriter, WrittenRows

PROPERTIES = {
    "format-version": "2",
    # runs write position deletes themselves; this is for whoever changes rows by SQL
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    "write.delete.mode": "merge-on-read",
    "write.merge.isolation-level": "serializable",
    "write.delete.granularity": "partition",
    "write.target-file-size-bytes": str(FILE_BYTES),
    "write.metadata.delete-after-commit.enabled": "true",
    # by the first and last key of a file a run knows whether to look into it; keys of a day begin alike
    "write.metadata.metrics.column.key": "truncate(64)",
}
BRANCH_PREFIX = "run_"
RANGES = 64
"""Of a run's keys: a file none of which its keys can be in is not opened, and more of them would prune little more."""


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

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.catalog, self.database, self.table

    def create_if_missing(self) -> None:
        """The first run makes the table. An existing one is left as it is."""
        if table_exists(self.spark, *self._place):
            return
        try:
            create_table(self.spark, *self._place, table_schema(), PROPERTIES)
        except Py4JJavaError:
            if not table_exists(self.spark, *self._place):  # an attempt that was given up may be here as well
                raise

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
        return load_table(self.spark, *self._place)

    def known(self, branch: str, bucket: str, keys: list[str]) -> pa.Table:
        """The rows of these keys of the bucket, as known_rows.KNOWN."""
        table = self.load()
        there = within(self.spark, "key", ranges_of(keys, RANGES))
        files = data_files(table, table.snapshot(branch).snapshotId(), there)
        return find_rows(self.spark, files, bucket, keys)

    def writer(self) -> RowWriter:
        """What writes rows into files of this table."""
        table = self.load()
        return RowWriter(table.locationProvider().newDataLocation(""), parquet_schema(table, ROWS))

    def commit(self, branch: str, written: list[WrittenRows], known: pa.Table, properties: dict[str, str]) -> None:
        """One commit into the branch: the written rows come, and those known rows go whose keys have changed.

        `known` is what `known` gave for this branch, and nobody else commits to it: the rows lie where they lay.
        `properties` go into the snapshot's summary. An empty commit is one too: it tells rivals that this run was here.
        """
        table = self.load()
        changed = pa.concat_arrays([pa.array([], pa.string()), *(rows.keys for rows in written)])
        replaced = known.filter(pc.is_in(known["key"], value_set=changed))
        update = table.newRowDelta() if replaced.num_rows else table.newAppend()
        add = update.addRows if replaced.num_rows else update.appendFile
        for rows in written:
            if rows.location:
                add(data_file(self.spark, table, rows.location))
        if replaced.num_rows:
            update.addDeletes(self._deletes(table, replaced))
        for name, value in properties.items():
            update.set(name, value)
        update.toBranch(branch).commit()

    def _deletes(self, table: Any, replaced: pa.Table) -> Any:  # noqa: ANN401 (objects of the JVM)
        location = table.locationProvider().newDataLocation(f"{uuid.uuid4()}-deletes.parquet")
        positions = replaced.select(["file", "row"]).sort_by([("file", "ascending"), ("row", "ascending")])
        write_parquet(*bucket_and_key(location), positions.rename_columns(POSITIONS.names).cast(POSITIONS).to_batches())
        return position_deletes(self.spark, table, location)

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
