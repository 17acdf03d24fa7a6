"""Looks up the rows of a batch's keys in the table's files, of which only the narrow columns are fetched."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pomona.spark_session import task_slots
from pomona.table.scan import KEY_SCAN, TASKS_PER_SLOT, DataFile, distribute, located_rows, split_by_bytes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOKUP_COLUMNS = ["key", "label", "etag", "backbone", "error"]
COLUMNS = [*LOOKUP_COLUMNS, "bucket"]
KNOWN_ROWS = pa.schema([*((name, pa.string()) for name in LOOKUP_COLUMNS), ("file", pa.string()), ("row", pa.int64())])
"""A row of the table, the address of its data file, and its position in that file."""
LEAST_TASK_BYTES = 256 * 2**20  # of files, of which a few per cent are read: less is not worth another executor


def find_rows(spark: "SparkSession", files: list[DataFile], bucket: str, keys: list[str]) -> pa.Table:
    """Return the rows of these keys of the bucket, as KNOWN_ROWS."""
    most = math.ceil(sum(file.bytes for file in files) / LEAST_TASK_BYTES)
    work = split_by_bytes(files, max(min(most, TASKS_PER_SLOT * task_slots(spark)), 1))
    found = distribute(spark, work, _finder(bucket, keys)).collect() if work and keys else []
    return pa.concat_tables([KNOWN_ROWS.empty_table(), *found])


def _finder(bucket: str, keys: list[str]) -> Callable[[list[DataFile]], pa.Table]:
    wanted = pa.array(keys, pa.string())

    def find(files: list[DataFile]) -> pa.Table:
        found = [KNOWN_ROWS.empty_table()]
        for file, numbers, batch in located_rows(files, COLUMNS, KEY_SCAN):
            mask = pc.and_(pc.is_in(batch["key"], value_set=wanted), pc.equal(batch["bucket"], bucket))
            rows = batch.append_column("row", pa.array(numbers)).filter(mask)
            addresses = pa.repeat(file.location, rows.num_rows)
            columns = [rows[name] for name in LOOKUP_COLUMNS]
            found.append(pa.table([*columns, addresses, rows["row"]], schema=KNOWN_ROWS))
        return pa.concat_tables(found)

    return find
