"""The feature table: an Iceberg table in the Glue catalog. Each run changes it by one branch, which it publishes."""

from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from pomona.spark_session import CATALOG
from pomona.table.iceberg import JVM_ERRORS, create_table, load_table, table_exists
from pomona.table.schema import PROPERTIES, table_schema


@dataclass(frozen=True)
class FeatureTable:
    """The table `database`.`table` of a catalog, through one Spark session."""

    spark: SparkSession
    database: str
    table: str
    catalog: str = CATALOG
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)
    """Iceberg's object, once it was asked for. Each one that is loaded opens connections to S3 of its own."""

    @property
    def name(self) -> str:
        """Return the table's name in Spark's SQL."""
        return f"{self.catalog}.{self.database}.{self.table}"

    @property
    def _identifier(self) -> tuple[str, str, str]:
        return self.catalog, self.database, self.table

    def create_if_missing(self) -> None:
        """Create the table in the first run; an existing table is left as it is."""
        if table_exists(self.spark, *self._identifier):
            return
        try:
            create_table(self.spark, *self._identifier, table_schema(), PROPERTIES)
        except JVM_ERRORS:
            if not table_exists(self.spark, *self._identifier):  # an attempt that was given up may have created it
                raise

    def snapshot_id(self) -> int:
        """Return the id of the present snapshot; the table has one after its first run."""
        return int(self.load().currentSnapshot().snapshotId())

    def load(self) -> Any:  # noqa: ANN401 (an object of the JVM)
        """Return Iceberg's `org.apache.iceberg.Table` as it is now: one object, which each call brings up to date."""
        if self._loaded:
            try:
                self._loaded[0].refresh()
            except JVM_ERRORS:  # the table may have been made anew, whose UUID the old object refuses
                self._loaded.clear()
        if not self._loaded:
            self._loaded.append(load_table(self.spark, *self._identifier))
        return self._loaded[0]
