"""Rows that a pass over the table leaves in the memory of its process: the next pass need not fetch them again."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from pomona.table.scan import DataFile, rows_of

MOST_KEPT_BYTES = 2**30
"""Of one process, whose share of the driver's memory is 4 GB."""
_KEPT: dict[str, list[pa.RecordBatch]] = {}
"""By the addresses of the data files."""


def kept_rows(files: Iterable[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows as scan.rows_of does, and keep them in this process for the next call.

    For a process that reads one snapshot of one table, and always the same columns. A file whose rows are too many is
    fetched again.
    """
    for file in files:
        kept = _KEPT.get(file.location)
        yield from _noted(file, rows_of([file], columns)) if kept is None else kept


def _noted(file: DataFile, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    room = MOST_KEPT_BYTES - sum(batch.nbytes for kept in _KEPT.values() for batch in kept)
    noted: list[pa.RecordBatch] = []
    for batch in batches:
        room -= batch.nbytes
        noted.append(batch)
        if room < 0:
            noted.clear()
        yield batch
    if room >= 0:
        _KEPT[file.location] = noted
