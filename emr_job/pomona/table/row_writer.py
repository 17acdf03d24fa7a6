"""The last stage of a featurize run: writes the changed rows as Parquet files of the table, few and large.

Spark's own writer takes each float of a row through the JVM. Here the JVM carries whole batches, as bytes, from the
tasks that compute them to the tasks that write them.
"""

import math
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pomona.s3.objects import bucket_and_key
from pomona.table.parquet_files import write_parquet
from pomona.table.row_lookup import joined
from pomona.table.schema import FILE_BYTES, rows_to_write

if TYPE_CHECKING:
    from pyspark import RDD

OTHER_COLUMNS_BYTES = 200
"""Size of a row without its features, about."""
NumberedChanges = tuple[int, pa.RecordBatch]
"""Some changes (schema.CHANGES), and the number of the task that made them."""


@dataclass(frozen=True)
class WrittenRows:
    """What one writing task wrote."""

    keys: pa.Array
    """The keys of all changes: of the rows in the file, and of those that are gone."""
    location: str | None
    """The file's address; None if all keys are gone."""


@dataclass(frozen=True)
class RowWriter:
    """Writes changes as a file in `folder` (an address that ends with a slash), with the columns of `schema`.

    If the task is repeated, its first file belongs to no snapshot; the branch's clean-up removes it.
    """

    folder: str
    schema: pa.Schema

    def __call__(self, changes: Iterable[NumberedChanges]) -> Iterator[WrittenRows]:
        """Write the changes of one partition, and yield one WrittenRows."""
        keys: list[pa.Array] = []
        location = f"{self.folder}{uuid.uuid4()}.parquet"
        found = write_parquet(*bucket_and_key(location), self._rows(changes, keys))
        yield WrittenRows(joined(keys), location if found else None)

    def _rows(self, changes: Iterable[NumberedChanges], keys: list[pa.Array]) -> Iterator[pa.RecordBatch]:
        for _, batch in changes:
            keys.append(batch["key"])
            rows = rows_to_write(batch)
            if rows.num_rows:
                yield pa.RecordBatch.from_arrays(rows.columns, schema=self.schema)


def write_rows(changes: "RDD[NumberedChanges]", writer: RowWriter, files: int) -> list[WrittenRows]:
    """Write the changes into at most `files` files.

    The number of the task alone decides on the file. A repeated task may yield its rows in another order; so no row can
    be lost between two files, or be in both.
    """
    return changes.partitionBy(files, _task_number).mapPartitions(writer).collect()


def files_for(keys: int, width: int) -> int:
    """Return how many files the rows of `keys` keys with `width` features each fill."""
    return max(math.ceil(keys * (4 * width + OTHER_COLUMNS_BYTES) / FILE_BYTES), 1)


def _task_number(number: int) -> int:
    return number
