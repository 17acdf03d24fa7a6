"""Iceberg's own objects, through the driver's JVM: what they do at once would cost SQL a parse, a plan and a job."""

import functools
import json
import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pomona.errors import MisconfiguredError

JVM_ERRORS = (PySparkException, Py4JError)
"""What a call into the JVM raises: Spark's translated errors, Java's exceptions, and a JVM that does not answer."""
POSITIONS = pa.schema(
    [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"}),
    ]
)
"""Rows of data files that are not there any more: Iceberg's position deletes, whose columns its format numbers."""


def table_exists(spark: SparkSession, catalog: str, database: str, table: str) -> bool:
    """Whether the catalog has the table."""
    return bool(_catalog(spark, catalog).tableExists(_identifier(spark, database, table)))


def load_table(spark: SparkSession, catalog: str, database: str, table: str) -> Any:  # noqa: ANN401 (of the JVM)
    """The `org.apache.iceberg.Table` as it is now."""
    return _catalog(spark, catalog).loadTable(_identifier(spark, database, table))


def create_table(
    spark: SparkSession, catalog: str, database: str, table: str, schema: dict[str, Any], properties: dict[str, str]
) -> None:
    """Make an empty table without partitions; `schema` is in Iceberg's notation."""
    columns = _jvm(spark).org.apache.iceberg.SchemaParser.fromJson(json.dumps(schema))
    builder = _catalog(spark, catalog).buildTable(_identifier(spark, database, table), columns)
    for name, value in properties.items():
        builder = builder.withProperty(name, value)
    builder.create()


@functools.cache
def _catalog(spark: SparkSession, name: str) -> Any:  # noqa: ANN401 (an object of the JVM)
    """The catalog that Spark's settings `spark.sql.catalog.<name>` describe. Spark's SQL would be slower."""
    prefix = f"spark.sql.catalog.{name}."
    settings = spark.sparkContext.getConf().getAll()
    properties = {key.removeprefix(prefix): value for key, value in settings if key.startswith(prefix)}
    implementation = properties.pop("catalog-impl")
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    return _jvm(spark).org.apache.iceberg.CatalogUtil.loadCatalog(implementation, name, _map(spark, properties), hadoop)


def _identifier(spark: SparkSession, database: str, table: str) -> Any:  # noqa: ANN401 (an object of the JVM)
    return _jvm(spark).org.apache.iceberg.catalog.TableIdentifier.of(_strings(spark, database, table))


def iterate(iterable: Any) -> Iterator[Any]:  # noqa: ANN401 (an object of the JVM)
    """What is in a collection of Java, where Python's own `for` ends by an exception, the first of which is slow."""
    items = iterable.iterator()
    while items.hasNext():
        yield items.next()


def iterate_and_close(iterable: Any) -> Iterator[Any]:  # noqa: ANN401 (an object of the JVM)
    """The same for one that is to be closed afterwards."""
    try:
        yield from iterate(iterable)
    finally:
        iterable.close()


def count_of(snapshot: Any, name: str) -> int:  # noqa: ANN401 (an object of the JVM)
    """A number of a snapshot's summary, 0 if it has none of that name."""
    return int(snapshot.summary().get(name) or 0)


def ranges_of(keys: Collection[str], most: int) -> list[tuple[str, str]]:
    """At most so many ranges, from a first to a last key, that cover all the keys, each about as many of them."""
    ordered = sorted(keys)
    chunk = max(math.ceil(len(ordered) / most), 1)
    return [(some[0], some[-1]) for some in (ordered[at : at + chunk] for at in range(0, len(ordered), chunk))]


def within(spark: SparkSession, column: str, ranges: Iterable[tuple[str, str]]) -> Any:  # noqa: ANN401 (of the JVM)
    """Iceberg's expression for rows whose `column` lies in one of the ranges, both ends included."""
    of = _jvm(spark).org.apache.iceberg.expressions.Expressions
    both, either = getattr(of, "and"), getattr(of, "or")
    inside = [both(of.greaterThanOrEqual(column, low), of.lessThanOrEqual(column, high)) for low, high in ranges]
    return functools.reduce(either, inside, of.alwaysFalse())


def parquet_schema(table: Any, rows: pa.Schema) -> pa.Schema:  # noqa: ANN401 (an object of the JVM)
    """The schema `rows` with the numbers by which Iceberg's `table` knows its columns, in a file of its rows."""
    return pa.schema([_numbered(table.schema(), field, field.name) for field in rows])


def _numbered(schema: Any, field: pa.Field, path: str) -> pa.Field:  # noqa: ANN401 (an object of the JVM)
    found = schema.findField(path)
    if found is None:
        raise MisconfiguredError(f"the table has no column {path}: somebody else has altered it")
    if pa.types.is_list(field.type):
        element = _numbered(schema, pa.field("element", field.type.value_type), f"{path}.element")
        field = field.with_type(pa.list_(element))
    return field.with_metadata({"PARQUET:field_id": str(found.fieldId())})


def data_file(spark: SparkSession, table: Any, location: str) -> Any:  # noqa: ANN401 (objects of the JVM)
    """The entry of the table for a Parquet file of rows, counted and measured by its footer."""
    iceberg = _jvm(spark).org.apache.iceberg
    return _entry(spark, table, location, iceberg.DataFiles.builder(table.spec()), iceberg.MetricsConfig.forTable)


def position_deletes(spark: SparkSession, table: Any, location: str) -> Any:  # noqa: ANN401 (objects of the JVM)
    """The entry of the table for a Parquet file of POSITIONS."""
    iceberg = _jvm(spark).org.apache.iceberg
    builder = iceberg.FileMetadata.deleteFileBuilder(table.spec()).ofPositionDeletes()
    return _entry(spark, table, location, builder, iceberg.MetricsConfig.forPositionDelete)


def _entry(spark: SparkSession, table: Any, location: str, builder: Any, metrics: Any) -> Any:  # noqa: ANN401
    file = table.io().newInputFile(location)
    measured = _jvm(spark).org.apache.iceberg.parquet.ParquetUtil.fileMetrics(file, metrics(table))
    return builder.withInputFile(file).withFormat("parquet").withMetrics(measured).build()


def data_locations(table: Any) -> set[str]:  # noqa: ANN401 (an object of the JVM)
    """Return the addresses of the data files of the table's present."""
    return {task.file().location() for task in iterate_and_close(table.newScan().planFiles())}


def files_with_deletes(table: Any) -> set[str]:  # noqa: ANN401 (an object of the JVM)
    """Return the addresses of those data files of which rows may have been deleted."""
    tasks = iterate_and_close(table.newScan().planFiles())
    return {task.file().location() for task in tasks if not task.deletes().isEmpty()}


def remove_dangling_deletes(spark: SparkSession, table: Any) -> int:  # noqa: ANN401 (objects of the JVM)
    """Remove the delete files that apply to no data file of the present; how many they were.

    Iceberg removes such files of a partition's, but of a table without partitions only in commits that read all the
    manifests anyway: those of files that a compaction has replaced would stay.
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
    files = _jvm(spark).org.apache.iceberg.ManifestFiles
    for manifest in iterate(table.currentSnapshot().deleteManifests(table.io())):
        reader = files.readDeleteManifest(manifest, table.io(), table.specs())
        yield from (file.copy() for file in iterate_and_close(reader))  # the reader uses one object for all


def forget_files(spark: SparkSession, table: Any) -> None:  # noqa: ANN401 (an object of the JVM)
    """Write the present's manifests anew, without the files that have gone.

    A manifest lists those too, with how the first and the last of their keys and labels begin. Iceberg's procedure
    `rewrite_manifests` would leave a single manifest as it is.
    """
    into_one = _jvm(spark).com.google.common.base.Functions.constant("")
    table.rewriteManifests().clusterBy(into_one).commit()


def _jvm(spark: SparkSession) -> Any:  # noqa: ANN401 (the gateway to the JVM)
    return spark._jvm


def _map(spark: SparkSession, entries: dict[str, str]) -> Any:  # noqa: ANN401 (an object of the JVM)
    made = _jvm(spark).java.util.HashMap()
    for key, value in entries.items():
        made.put(key, value)
    return made


def _strings(spark: SparkSession, *texts: str) -> Any:  # noqa: ANN401 (Java's varargs are an array)
    gateway = spark.sparkContext._gateway
    array = gateway.new_array(gateway.jvm.java.lang.String, len(texts))  # type: ignore[union-attr]
    for index, text in enumerate(texts):
        array[index] = text
    return array
