"""What the table knows of a batch's keys: read from its files, of which only the narrow columns are fetched."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pomona.spark_session import task_slots
from pomona.table.scan import NARROW, SHARES_PER_SLOT, DataFile, distribute, located_rows, shares

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TOLD = ["key", "label", "etag", "backbone", "error"]
COLUMNS = [*TOLD, "bucket"]
KNOWN = pa.schema([*((name, pa.string()) for name in TOLD), ("file", pa.string()), ("row", pa.int64())])
"""A row of the table, and where it lies: the data file's address, and its number among the rows of that file."""
LEAST_SHARE_BYTES = 256 * 2**20  # of files, a few hundredths of which are read: less is not worth another executor


def find_rows(spark: "SparkSession", files: list[DataFile], bucket: str, keys: list[str]) -> pa.Table:
    """The rows of these keys of the bucket, as KNOWN."""
    most = math.ceil(sum(file.bytes for file in files) / LEAST_SHARE_BYTES)
    work = shares(files, max(min(most, SHARES_PER_SLOT * task_slots(spark)), 1))
    found = distribute(spark, work, _finder(bucket, keys)).collect() if work and keys else []
    return pa.concat_tables([KNOWN.empty_table(), *found])


def _finder(bucket: str, keys: list[str]) -> Callable[[list[DataFile]], pa.Table]:
    wanted = pa.array(keys, pa.string())

    def find(files: list[DataFile]) -> pa.Table:
        found = [KNOWN.empty_table()]
        for file, numbers, batch in located_rows(files, COLUMNS, NARROW):
            mask = pc.and_(pc.is_in(batch["key"], value_set=wanted), pc.equal(batch["bucket"], bucket))
            rows = batch.append_column("row", pa.array(numbers)).filter(mask)
            addresses = pa.repeat(file.location, rows.num_rows)
            told = [rows[name] for name in TOLD]
            found.append(pa.table([*told, addresses, rows["row"]], schema=KNOWN))
        return pa.concat_tables(found)

    return find
