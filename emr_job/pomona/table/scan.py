"""Reads the rows of a snapshot from its files: Iceberg names the files, the tasks read them with PyArrow.

Spark's own reader takes each float of a list of features through a row of the JVM; PyArrow's column is a NumPy array.
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
from pyspark import StorageLevel

from pomona.errors import MisconfiguredError
from pomona.s3.downloads import LARGE_CHUNKS, SMALL_CHUNKS, ChunkSettings, ObjectReader, download
from pomona.s3.objects import bucket_and_key
from pomona.table.iceberg import iterate, iterate_and_close

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READ_BYTES = 2**20
TASKS_PER_SLOT = 4
"""More would balance the load better; each task has a partial result of 8 · width² bytes."""
DELETE_FILES_KEPT = 32
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of the table, and its delete files, which name the positions of deleted rows."""

    location: str
    bytes: int
    deletes: tuple[str, ...] = ()
    rows: int = 0
    """How many rows the file was written with."""


@dataclass(frozen=True)
class ScanSettings:
    """How a file is fetched, and how many rows of it a task holds at a time."""

    chunks: ChunkSettings
    rows: int


FEATURE_SCAN = ScanSettings(LARGE_CHUNKS, 4096)
"""With features: 4,096 rows of 1,280 are 21 MB, enough for BLAS to run at full speed."""
KEY_SCAN = ScanSettings(SMALL_CHUNKS, 65536)
"""Without features: most of the file is skipped."""


def data_files(table: Any, snapshot_id: int, where: Any = None) -> list[DataFile]:  # noqa: ANN401 (objects of the JVM)
    """Return the data files of a snapshot, the oldest first, in a fixed order.

    Args:
        table: Iceberg's.
        snapshot_id: of the snapshot.
        where: an expression of Iceberg's; files whose column bounds exclude such rows are left out. None: all files.

    Raises:
        MisconfiguredError: the table has a file of a kind that no run writes.
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
    return DataFile(
        file.location(),
        file.fileSizeInBytes(),
        tuple(delete.location() for delete in deletes),
        file.recordCount(),
    )


def split_by_bytes(files: list[DataFile], most: int) -> list[list[DataFile]]:
    """Cut the files, in their order, into at most `most` lists of about the same number of bytes; none is empty."""
    ends = np.cumsum([file.bytes for file in files])
    middles = ends - np.array([file.bytes for file in files]) / 2
    # an empty file at the end has its middle at the very end
    numbers = np.minimum(middles * most // max(ends[-1], 1), most - 1).astype(int) if files else []
    return [[file for _, file in run] for _, run in groupby(zip(numbers, files, strict=True), key=lambda one: one[0])]


def distribute(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Any:  # noqa: ANN401
    """Return an RDD of `task`'s results for the items, each in a Spark task of its own."""
    return spark.sparkContext.parallelize(work, max(len(work), 1)).map(task)


def distributed_results(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
    """Yield `task`'s result for each item, in the order of the items.

    The tasks run at once and leave their results on the executors' disks. The driver holds one of them at a time, so
    its memory does not grow with their number, and the same snapshot on the same cluster gives the same bits.
    """
    results = distribute(spark, work, task).persist(StorageLevel.DISK_ONLY)
    try:
        results.count()  # runs all tasks at once: toLocalIterator would run one after the other
        yield from results.toLocalIterator()
    finally:
        results.unpersist()


def rows_of(files: Iterable[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows that are not deleted, in blocks of one file; the next chunks are fetched meanwhile."""
    return (batch for _, _, batch in located_rows(files, columns, FEATURE_SCAN))


def located_rows(
    files: Iterable[DataFile], columns: list[str], settings: ScanSettings
) -> Iterator[tuple[DataFile, NDArray[np.int64], pa.RecordBatch]]:
    """Yield the rows that are not deleted, with their file and their positions in it."""
    with ThreadPoolExecutor(settings.chunks.ahead + 1) as pool:
        for file in files:
            deleted = _deleted(file)
            first = 0
            for batch in _blocks(file, columns, settings, pool):
                numbers = _kept(deleted, first, batch.num_rows)
                whole = len(numbers) == batch.num_rows
                yield file, numbers, batch if whole else batch.take(pa.array(numbers - first))
                first += batch.num_rows


def _blocks(file: DataFile, columns: list[str], settings: ScanSettings, pool: Executor) -> Iterator[pa.RecordBatch]:
    reader = ObjectReader(*bucket_and_key(file.location), file.bytes, pool, settings.chunks)
    # in small reads: otherwise PyArrow would fetch a whole column before its first row
    parquet = pq.ParquetFile(pa.PythonFile(reader, mode="r"), buffer_size=READ_BYTES, pre_buffer=False)
    yield from parquet.iter_batches(settings.rows, columns=columns, use_threads=False)


def _kept(deleted: NDArray[np.int64], first: int, rows: int) -> NDArray[np.int64]:
    """Return the positions of the next `rows` rows from `first` on without the deleted ones, which are sorted."""
    begin, end = np.searchsorted(deleted, [first, first + rows])
    numbers: NDArray[np.int64] = np.delete(np.arange(first, first + rows), deleted[begin:end] - first)
    return numbers


def _deleted(file: DataFile) -> NDArray[np.int64]:
    """Return the positions of the file's deleted rows, sorted."""
    none = np.empty(0, np.int64)
    found = [_deletions(location).get(file.location, none) for location in file.deletes]
    positions: NDArray[np.int64] = np.unique(np.concatenate([*found, none]))
    return positions


@lru_cache(DELETE_FILES_KEPT)
def _deletions(location: str) -> dict[str, NDArray[np.int64]]:
    """Return the positions in a delete file, by data file. A task reads a delete file once for all data files."""
    deletes = pq.read_table(pa.BufferReader(download(*bucket_and_key(location))), columns=["file_path", "pos"])
    files = deletes["file_path"].combine_chunks().dictionary_encode()
    order = np.argsort(files.indices, kind="stable")
    counts = np.bincount(files.indices, minlength=len(files.dictionary))
    positions = np.split(deletes["pos"].to_numpy()[order], np.cumsum(counts))[:-1]  # nothing lies after the last
    return dict(zip(files.dictionary.to_pylist(), positions, strict=True))
