"""The last stage of a featurize run: the changed rows as Parquet files of the table, few and large.

Spark's own writer takes each float of a row through the JVM. Here the JVM carries whole batches, as bytes, from the
tasks that make them to those that write them.
"""

import math
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pomona.s3.objects import bucket_and_key
from pomona.table.parquet_files import write_parquet

if TYPE_CHECKING:
    from pyspark import RDD

FILE_BYTES = 128 * 2**20
OTHER_COLUMNS_BYTES = 200
"""Of a row, less its features: about that many."""
Numbered = tuple[int, pa.RecordBatch]
"""Some changes (rows.CHANGES), and the number of the task that made them."""


@dataclass(frozen=True)
class WrittenRows:
    """What one task wrote."""

    keys: pa.Array
    """Of all changes: the rows in the file, and those that are gone."""
    location: str | None
    """The file's address; None if no row is to be there."""


@dataclass(frozen=True)
class RowWriter:
    """Writes changes as a file in `folder` (an address that ends with a slash), with the columns of `schema`.

    The file of a task that is lost afterwards belongs to no snapshot, and goes with its branch.
    """

    folder: str
    schema: pa.Schema

    def __call__(self, changes: Iterable[Numbered]) -> Iterator[WrittenRows]:
        """Of one partition: one WrittenRows."""
        keys: list[pa.Array] = []
        location = f"{self.folder}{uuid.uuid4()}.parquet"
        found = write_parquet(*bucket_and_key(location), self._rows(changes, keys))
        yield WrittenRows(pa.concat_arrays([pa.array([], pa.string()), *keys]), location if found else None)

    def _rows(self, changes: Iterable[Numbered], keys: list[pa.Array]) -> Iterator[pa.RecordBatch]:
        for _, batch in changes:
            keys.append(batch["key"])
            rows = batch.filter(pc.invert(batch["gone"])).drop_columns("gone")
            if rows.num_rows:
                yield pa.RecordBatch.from_arrays(rows.columns, schema=self.schema)


def write_rows(changes: "RDD[Numbered]", writer: RowWriter, files: int) -> list[WrittenRows]:
    """Write the changes into at most so many files.

    All changes of a task go into the same file, told by its number alone: when Spark repeats a task, whose images may
    come in another order then, no row can be lost between two files or be in both.
    """
    return changes.partitionBy(files, _task_number).mapPartitions(writer).collect()


def files_for(keys: int, width: int) -> int:
    """How many files rows of so many keys, with `width` features each, fill."""
    return max(math.ceil(keys * (4 * width + OTHER_COLUMNS_BYTES) / FILE_BYTES), 1)


def _task_number(number: int) -> int:
    return number
