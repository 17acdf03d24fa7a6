"""The feature table: an Iceberg table in the Glue catalog that changes by one published branch a run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from pomona.spark_session import CATALOG
from pomona.table.branch import Branch
from pomona.table.iceberg import JVM_ERRORS, create_table, load_table, table_exists
from pomona.table.row_writer import FILE_BYTES
from pomona.table.schema import table_schema

PROPERTIES = {
    "format-version": "2",
    # runs write position deletes themselves; this is for whoever changes rows by SQL
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    "write.delete.mode": "merge-on-read",
    "write.merge.isolation-level": "serializable",
    "write.delete.granularity": "partition",
    "write.target-file-size-bytes": str(FILE_BYTES),
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    # by the first and last key of a file a run knows whether to look into it; keys of a day begin alike
    "write.metadata.metrics.column.key": "truncate(64)",
}
BRANCH_PREFIX = "run_"
_BRANCH = re.compile(rf"{BRANCH_PREFIX}(\w+)_(\d+)")
_FOLDER_OF_A_BRANCH = re.compile(rf"/({_BRANCH.pattern})-[0-9a-f]{{32}}/")


def branch_name(batch_id: str, attempt: int) -> str:
    """The branch of one attempt, in letters that need no quotes."""
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{BRANCH_PREFIX}{batch_id}_{attempt}")


def order_of(branch: str) -> tuple[str, int]:
    """Sorts the names of branches like their attempts: a batch's id begins with the moment of its claim."""
    found = _BRANCH.fullmatch(branch)
    if found is None:
        raise ValueError(f"{branch} is not the name of a run's branch")
    return found[1], int(found[2])


def branch_of(location: str) -> str | None:
    """The branch in whose folder a file of this address lies; None for one that no run has written into its own."""
    found = _FOLDER_OF_A_BRANCH.search(location)
    return found[1] if found else None


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
        except JVM_ERRORS:
            if not table_exists(self.spark, *self._place):  # an attempt that was given up may be here as well
                raise

    @contextmanager
    def branch(self, name: str) -> Iterator[Branch]:
        """A branch that starts where the table is now, for as long as the block runs."""
        branch = Branch.make(self, name)
        try:
            yield branch
        finally:
            branch.end()

    def load(self) -> Any:  # noqa: ANN401 (an object of the JVM)
        """Iceberg's own object of the table as it is now."""
        return load_table(self.spark, *self._place)
