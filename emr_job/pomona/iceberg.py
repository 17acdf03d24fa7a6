"""Iceberg's own objects, through the driver's JVM: what they do at once would cost SQL a parse, a plan and a job."""

from typing import Any

from pyspark.sql import SparkSession


def table_exists(spark: SparkSession, catalog: str, database: str, table: str) -> bool:
    """Whether the catalog has the table."""
    jvm = _jvm(spark)
    identifier = jvm.org.apache.iceberg.catalog.TableIdentifier.of(_strings(spark, database, table))
    loaded = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergCatalog(spark._jsparkSession, catalog)
    return bool(loaded.tableExists(identifier))


def load_table(spark: SparkSession, name: str) -> Any:  # noqa: ANN401 (an object of the JVM)
    """The `org.apache.iceberg.Table` of that name (catalog.database.table), as it is now."""
    return _jvm(spark).org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, name)


def forget_files(spark: SparkSession, table: Any) -> None:  # noqa: ANN401 (an object of the JVM)
    """Write the present's manifests anew, without the files that have gone.

    A manifest lists those too, with how the first and the last of their keys and labels begin. Iceberg's procedure
    `rewrite_manifests` would leave a single manifest as it is.
    """
    into_one = _jvm(spark).com.google.common.base.Functions.constant("")
    table.rewriteManifests().clusterBy(into_one).commit()


def _jvm(spark: SparkSession) -> Any:  # noqa: ANN401 (the gateway to the JVM)
    return spark._jvm


def _strings(spark: SparkSession, *texts: str) -> Any:  # noqa: ANN401 (Java's varargs are an array)
    gateway = spark.sparkContext._gateway
    array = gateway.new_array(gateway.jvm.java.lang.String, len(texts))  # type: ignore[union-attr]
    for index, text in enumerate(texts):
        array[index] = text
    return array
