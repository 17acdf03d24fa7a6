"""Iceberg's Java API, through the driver's JVM: faster than SQL, which costs a parse, a plan and a job."""

import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from py4j.java_gateway import JavaClass  # type: ignore[import-untyped]
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

JVM_ERRORS = (PySparkException, Py4JError)
"""What a call into the JVM raises: Spark's translated errors, Java's exceptions, and Py4J's own without an answer."""


def table_exists(spark: SparkSession, catalog: str, database: str, table: str) -> bool:
    """Return True if the catalog has the table."""
    return bool(_catalog(spark, catalog).tableExists(_identifier(spark, database, table)))


def load_table(spark: SparkSession, catalog: str, database: str, table: str) -> Any:  # noqa: ANN401 (of the JVM)
    """Return the `org.apache.iceberg.Table` as it is now."""
    return _catalog(spark, catalog).loadTable(_identifier(spark, database, table))


def create_table(
    spark: SparkSession, catalog: str, database: str, table: str, schema: dict[str, Any], properties: dict[str, str]
) -> None:
    """Create an empty table without partitions; `schema` is in Iceberg's JSON notation."""
    columns = java_class(spark, "org.apache.iceberg.SchemaParser").fromJson(json.dumps(schema))
    builder = _catalog(spark, catalog).buildTable(_identifier(spark, database, table), columns)
    for name, value in properties.items():
        builder = builder.withProperty(name, value)
    builder.create()


@functools.cache
def _catalog(spark: SparkSession, name: str) -> Any:  # noqa: ANN401 (an object of the JVM)
    """Return the catalog that Spark's settings `spark.sql.catalog.<name>` describe."""
    prefix = f"spark.sql.catalog.{name}."
    settings = spark.sparkContext.getConf().getAll()
    properties = {key.removeprefix(prefix): value for key, value in settings if key.startswith(prefix)}
    implementation = properties.pop("catalog-impl")
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    loader = java_class(spark, "org.apache.iceberg.CatalogUtil")
    return loader.loadCatalog(implementation, name, _map(spark, properties), hadoop)


def _identifier(spark: SparkSession, database: str, table: str) -> Any:  # noqa: ANN401 (an object of the JVM)
    return java_class(spark, "org.apache.iceberg.catalog.TableIdentifier").of(_strings(spark, database, table))


def iterate(iterable: Any) -> Iterator[Any]:  # noqa: ANN401 (an object of the JVM)
    """Yield the items of a Java collection. Py4J's own iterator ends with a Java exception, which is slow."""
    items = iterable.iterator()
    while items.hasNext():
        yield items.next()


def iterate_and_close(iterable: Any) -> Iterator[Any]:  # noqa: ANN401 (an object of the JVM)
    """Yield the items of a Java collection, and close it afterwards."""
    try:
        yield from iterate(iterable)
    finally:
        iterable.close()


def count_of(snapshot: Any, name: str) -> int:  # noqa: ANN401 (an object of the JVM)
    """Return a number of a snapshot's summary; 0 if it has none of that name."""
    return int(snapshot.summary().get(name) or 0)


def in_any_range(spark: SparkSession, column: str, ranges: Iterable[tuple[str, str]]) -> Any:  # noqa: ANN401 (of the JVM)
    """Return Iceberg's expression for rows whose `column` lies in one of the ranges, both ends included."""
    of = java_class(spark, "org.apache.iceberg.expressions.Expressions")
    both, either = getattr(of, "and"), getattr(of, "or")
    inside = [both(of.greaterThanOrEqual(column, low), of.lessThanOrEqual(column, high)) for low, high in ranges]
    return functools.reduce(either, inside, of.alwaysFalse())


def drop_branch(table: Any, branch: str) -> None:  # noqa: ANN401 (an object of the JVM)
    """Drop the branch of Iceberg's `table`, if it is there."""
    if table.refs().containsKey(branch):
        table.manageSnapshots().removeBranch(branch).commit()


@functools.cache
def java_class(spark: SparkSession, name: str) -> Any:  # noqa: ANN401 (a class of the JVM)
    """Return the class of the driver's JVM that has this full name.

    With `jvm.org.apache…`, Py4J looks for a class of each part's name in every jar.
    """
    return JavaClass(name, spark.sparkContext._gateway._gateway_client)  # type: ignore[union-attr]


def _map(spark: SparkSession, entries: dict[str, str]) -> Any:  # noqa: ANN401 (an object of the JVM)
    made = java_class(spark, "java.util.HashMap")()
    for key, value in entries.items():
        made.put(key, value)
    return made


def _strings(spark: SparkSession, *texts: str) -> Any:  # noqa: ANN401 (Java's varargs are an array)
    gateway = spark.sparkContext._gateway
    array = gateway.new_array(java_class(spark, "java.lang.String"), len(texts))  # type: ignore[union-attr]
    for index, text in enumerate(texts):
        array[index] = text
    return array
