"""A feature table of small rows, what changes it as a run does, and what is in it, for the tests of its branches."""

from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pomona.s3.objects import bucket_and_key, list_objects
from pomona.table.branch import open_branch
from pomona.table.feature_table import FeatureTable
from pomona.table.schema import CHANGES

WIDTH = 3


def made_in(spark: SparkSession, database: str) -> FeatureTable:
    made = FeatureTable(spark, database, "features")
    made.create_if_missing()
    return made


def changes(keys: list[str], gone: tuple[str, ...] = (), etag: str = "1") -> pa.RecordBatch:
    rows = [
        {"key": key, "bucket": "images", "etag": etag, "backbone": "net@1", "features": [float(len(key))] * WIDTH}
        | {"gone": key in gone}
        for key in keys
    ]
    return pa.RecordBatch.from_pylist(rows, CHANGES)


def commit(table: FeatureTable, *batches: pa.RecordBatch) -> None:
    """What a run does with the changes of its only task."""
    keys = [key for batch in batches for key in batch["key"].to_pylist()]
    with open_branch(table, "run_test_1") as branch:
        known = branch.find_rows("images", keys)
        branch.commit(list(branch.writer()([(0, batch) for batch in batches])), known, {})
        branch.publish()


def rows(table: FeatureTable) -> dict[str, str]:
    found = table.spark.table(table.name).select("key", "etag").collect()
    assert len({row.key for row in found}) == len(found)
    return {row.key: row.etag for row in found}


def summary(table: FeatureTable) -> dict[str, Any]:
    return dict(table.load().currentSnapshot().summary())


def objects(table: FeatureTable) -> set[str]:
    bucket, prefix = bucket_and_key(f"{table.load().location()}/data/")
    return {key for key, _ in list_objects(bucket, prefix)}
