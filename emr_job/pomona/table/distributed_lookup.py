"""Looks up the rows of a batch's keys in Spark's tasks."""

import math
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from pomona.spark_session import task_slots
from pomona.table.distribution import TASKS_PER_SLOT, distribute
from pomona.table.row_lookup import KNOWN_ROWS, rows_of_keys
from pomona.table.scan import DataFile, split_by_bytes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEAST_TASK_BYTES = 256 * 2**20  # of files, of which a few per cent are read: less is not worth another executor


def find_rows(spark: "SparkSession", files: list[DataFile], bucket: str, keys: list[str]) -> pa.Table:
    """Return the rows of these keys of the bucket, as KNOWN_ROWS."""
    most = math.ceil(sum(file.bytes for file in files) / LEAST_TASK_BYTES)
    work = split_by_bytes(files, max(min(most, TASKS_PER_SLOT * task_slots(spark)), 1))
    find = partial(rows_of_keys, bucket=bucket, keys=pa.array(keys, pa.string()))
    found = distribute(spark, work, find).collect() if work and keys else []
    return pa.concat_tables([KNOWN_ROWS.empty_table(), *found])
