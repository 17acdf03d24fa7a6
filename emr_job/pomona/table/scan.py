"""The rows of a snapshot straight from its files: Iceberg says which they are, the tasks read them with PyArrow.

Spark's own way takes each float of a list of features through a row of the JVM; a file's column is NumPy's already.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pomona.errors import MisconfiguredError
from pomona.s3.downloads import LARGE, SMALL, ObjectReader, Pieces, download
from pomona.s3.objects import bucket_and_key
from pomona.table.iceberg import iterate, iterate_and_close

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READ_BYTES = 2**20
SHARES_PER_SLOT = 4
"""More of them would balance the tasks better; fewer make fewer partial results, of 8 · width² bytes each."""
DELETE_FILES_KEPT = 32
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of the table, and the files that say which of its rows were deleted since (by position)."""

    location: str
    bytes: int
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How a file is fetched, and how many rows of it a task holds at a time."""

    pieces: Pieces
    rows: int


WHOLE = Reading(LARGE, 4096)
"""With the features: 4,096 rows of 1,280 are 21 MB, and large enough for BLAS to run at its full speed."""
NARROW = Reading(SMALL, 65536)
"""Without them: most of the file is passed over."""


def data_files(table: Any, snapshot_id: int, where: Any = None) -> list[DataFile]:  # noqa: ANN401 (objects of the JVM)
    """The data files of a snapshot of Iceberg's `table`, the oldest first: always in the same order.

    With an expression of Iceberg's (`where`) only those that may have such rows, by the bounds of their columns.
    """
    scan = table.newScan().useSnapshot(snapshot_id)
    tasks = (scan if where is None else scan.filter(where)).planFiles()
    found = [(task.file().dataSequenceNumber(), _data_file(task)) for task in iterate_and_close(tasks)]
    return [file for _, file in sorted(found, key=lambda one: (one[0], one[1].location))]


def _data_file(task: Any) -> DataFile:  # noqa: ANN401 (an object of the JVM)
    file, deletes = task.file(), list(iterate(task.deletes()))
    kinds = [(str(file.content()), str(file.format()))]
    kinds += [(str(delete.content()), str(delete.format())) for delete in deletes]
    if not set(kinds) <= {("DATA", "PARQUET"), ("POSITION_DELETES", "PARQUET")}:
        raise MisconfiguredError(
            f"the file {file.location()} of the table is of a kind that no run writes ({kinds}): somebody else has "
            "written to the table; rewrite it with Iceberg's rewrite_data_files (delete-file-threshold 1)"
        )
    return DataFile(file.location(), file.fileSizeInBytes(), tuple(delete.location() for delete in deletes))


def shares(files: list[DataFile], most: int) -> list[list[DataFile]]:
    """The files in their order, cut into at most `most` runs of about the same number of bytes; none is empty."""
    ends = np.cumsum([file.bytes for file in files])
    middles = ends - np.array([file.bytes for file in files]) / 2
    # an empty file at the end has its middle at the very end
    numbers = np.minimum(middles * most // max(ends[-1], 1), most - 1).astype(int) if files else []
    return [[file for _, file in run] for _, run in groupby(zip(numbers, files, strict=True), key=lambda one: one[0])]


def distribute(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Any:  # noqa: ANN401
    """An RDD of what `task` makes of each item, a task of Spark each."""
    return spark.sparkContext.parallelize(work, max(len(work), 1)).map(task)


def rows_of(files: Iterable[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows that are there, a block of a file at most at a time; what comes next is fetched meanwhile."""
    return (batch for _, _, batch in located_rows(files, columns, WHOLE))


def located_rows(
    files: Iterable[DataFile], columns: list[str], reading: Reading
) -> Iterator[tuple[DataFile, NDArray[np.int64], pa.RecordBatch]]:
    """The rows that are there, with their file and their numbers among all that the file ever had."""
    with ThreadPoolExecutor(reading.pieces.ahead + 1) as pool:
        for file in files:
            deleted = _deleted(file)
            first = 0
            for batch in _blocks(file, columns, reading, pool):
                numbers = _kept(deleted, first, batch.num_rows)
                whole = len(numbers) == batch.num_rows
                yield file, numbers, batch if whole else batch.take(pa.array(numbers - first))
                first += batch.num_rows


def _blocks(file: DataFile, columns: list[str], reading: Reading, pool: Executor) -> Iterator[pa.RecordBatch]:
    reader = ObjectReader(*bucket_and_key(file.location), file.bytes, pool, reading.pieces)
    # in small reads: a column would otherwise be fetched whole before its first row
    parquet = pq.ParquetFile(pa.PythonFile(reader, mode="r"), buffer_size=READ_BYTES, pre_buffer=False)
    yield from parquet.iter_batches(reading.rows, columns=columns, use_threads=False)


def _kept(deleted: NDArray[np.int64], first: int, rows: int) -> NDArray[np.int64]:
    """The numbers of those of a file's rows, from `first` on, that are not among the (sorted) deleted ones."""
    begin, end = np.searchsorted(deleted, [first, first + rows])
    numbers: NDArray[np.int64] = np.delete(np.arange(first, first + rows), deleted[begin:end] - first)
    return numbers


def _deleted(file: DataFile) -> NDArray[np.int64]:
    """The positions of the file's rows that are not there any more, sorted."""
    none = np.empty(0, np.int64)
    found = [_deletions(location).get(file.location, none) for location in file.deletes]
    positions: NDArray[np.int64] = np.unique(np.concatenate([*found, none]))
    return positions


@lru_cache(DELETE_FILES_KEPT)
def _deletions(location: str) -> dict[str, NDArray[np.int64]]:
    """The positions in a delete file, by data file. One holds the deletions of many: each task reads it once."""
    deletes = pq.read_table(pa.BufferReader(download(*bucket_and_key(location))), columns=["file_path", "pos"])
    files = deletes["file_path"].combine_chunks().dictionary_encode()
    order = np.argsort(files.indices, kind="stable")
    counts = np.bincount(files.indices, minlength=len(files.dictionary))
    positions = np.split(deletes["pos"].to_numpy()[order], np.cumsum(counts))[:-1]  # nothing lies after the last
    return dict(zip(files.dictionary.to_pylist(), positions, strict=True))
