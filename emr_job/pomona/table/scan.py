"""Reads the rows of data files with PyArrow, without those that delete files name.

Spark's own reader takes each float of a list of features through a row of the JVM; PyArrow's column is a NumPy array.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pomona.errors import MisconfiguredError
from pomona.s3.downloads import LARGE_CHUNKS, SMALL_CHUNKS, ChunkSettings, ObjectReader, download
from pomona.s3.objects import bucket_and_key

READ_BYTES = 2**20
DELETE_FILES_KEPT = 32


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of the table, and its delete files, which name the positions of deleted rows."""

    location: str
    bytes: int
    deletes: tuple[str, ...] = ()
    rows: int = 0
    """How many rows the file was written with."""


def of_another_writer(details: str) -> MisconfiguredError:
    """Return the error for a file of the table that no run writes: an equality delete, or ORC."""
    return MisconfiguredError(
        f"the table has a file of a kind that no run writes ({details}): somebody else has written to the table; "
        "rewrite it with Iceberg's rewrite_data_files (delete-file-threshold 1)"
    )


@dataclass(frozen=True)
class ScanSettings:
    """How a file is fetched, and how many rows of it a task holds at a time."""

    chunks: ChunkSettings
    rows: int


FEATURE_SCAN = ScanSettings(LARGE_CHUNKS, 2048)
"""With features: 2,048 rows of 1,280 are 10 MB."""
KEY_SCAN = ScanSettings(SMALL_CHUNKS, 65536)
"""Without features: most of the file is skipped."""


def split_by_bytes(files: list[DataFile], most: int) -> list[list[DataFile]]:
    """Cut the files, in their order, into at most `most` lists of about the same number of bytes; none is empty."""
    ends = np.cumsum([file.bytes for file in files])
    middles = ends - np.array([file.bytes for file in files]) / 2
    # an empty file at the end has its middle at the very end
    numbers = np.minimum(middles * most // max(ends[-1], 1), most - 1).astype(int) if files else []
    return [[file for _, file in run] for _, run in groupby(zip(numbers, files, strict=True), key=lambda one: one[0])]


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
