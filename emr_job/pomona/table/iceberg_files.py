"""The files of an Iceberg table, through the driver's JVM: their schema, manifest entries and delete files."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pomona.table.field_ids import with_field_ids
from pomona.table.iceberg import iterate, iterate_and_close, java_class

_METRICS = "org.apache.iceberg.MetricsConfig"


def parquet_schema(table: Any, rows: pa.Schema) -> pa.Schema:  # noqa: ANN401 (an object of the JVM)
    """Return the schema `rows` with the field ids of Iceberg's `table`, as its Parquet files need them.

    Raises:
        MisconfiguredError: the table lacks a column.
    """
    schema = table.schema()

    def id_of(path: str) -> int | None:
        found = schema.findField(path)
        return None if found is None else int(found.fieldId())

    return with_field_ids(rows, id_of)


def data_file(spark: SparkSession, table: Any, location: str) -> Any:  # noqa: ANN401 (objects of the JVM)
    """Return the manifest entry for a Parquet file of rows; its metrics come from the footer."""
    builder = java_class(spark, "org.apache.iceberg.DataFiles").builder(table.spec())
    return _entry(spark, table, location, builder, java_class(spark, _METRICS).forTable)


def position_deletes(spark: SparkSession, table: Any, location: str) -> Any:  # noqa: ANN401 (objects of the JVM)
    """Return the manifest entry for a Parquet file of POSITIONS."""
    builder = java_class(spark, "org.apache.iceberg.FileMetadata").deleteFileBuilder(table.spec()).ofPositionDeletes()
    return _entry(spark, table, location, builder, java_class(spark, _METRICS).forPositionDelete)


def _entry(spark: SparkSession, table: Any, location: str, builder: Any, metrics: Any) -> Any:  # noqa: ANN401
    file = table.io().newInputFile(location)
    measured = java_class(spark, "org.apache.iceberg.parquet.ParquetUtil").fileMetrics(file, metrics(table))
    return builder.withInputFile(file).withFormat("parquet").withMetrics(measured).build()


def data_locations(table: Any) -> set[str]:  # noqa: ANN401 (an object of the JVM)
    """Return the addresses of the data files of the table's present."""
    return {task.file().location() for task in iterate_and_close(table.newScan().planFiles())}


def files_with_deletes(table: Any) -> set[str]:  # noqa: ANN401 (an object of the JVM)
    """Return the addresses of the data files that have delete files."""
    tasks = iterate_and_close(table.newScan().planFiles())
    return {task.file().location() for task in tasks if not task.deletes().isEmpty()}


def remove_dangling_deletes(spark: SparkSession, table: Any) -> int:  # noqa: ANN401 (objects of the JVM)
    """Remove the delete files that apply to no data file of the present, and return their number.

    Iceberg removes such files itself only in partitioned tables, and in commits that read all manifests anyway. The
    delete files of data files that a compaction has replaced would stay.
    """
    tasks = iterate_and_close(table.newScan().planFiles())
    applied = {delete.location() for task in tasks for delete in iterate(task.deletes())}
    dangling = [file for file in _delete_files(spark, table) if file.location() not in applied]
    if dangling:
        rewrite = table.newRewrite()
        for file in dangling:
            rewrite.deleteFile(file)
        rewrite.commit()
    return len(dangling)


def _delete_files(spark: SparkSession, table: Any) -> Iterator[Any]:  # noqa: ANN401 (objects of the JVM)
    files = java_class(spark, "org.apache.iceberg.ManifestFiles")
    for manifest in iterate(table.currentSnapshot().deleteManifests(table.io())):
        reader = files.readDeleteManifest(manifest, table.io(), table.specs())
        yield from (file.copy() for file in iterate_and_close(reader))  # the reader uses one object for all


def forget_files(spark: SparkSession, table: Any) -> None:  # noqa: ANN401 (an object of the JVM)
    """Rewrite the present's manifests without their entries for removed files.

    Such an entry holds the beginnings of the file's first and last keys and labels, which an erasure must remove too.
    Iceberg's procedure `rewrite_manifests` would leave a single manifest as it is.
    """
    into_one = java_class(spark, "com.google.common.base.Functions").constant("")
    table.rewriteManifests().clusterBy(into_one).commit()
