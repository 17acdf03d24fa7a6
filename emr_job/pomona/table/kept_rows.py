"""Rows that a pass over the table leaves in the memory of its process: the next pass need not fetch them again."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import pyarrow as pa

from pomona.table.scan import DataFile, rows_of

MOST_KEPT_BYTES = 2**30
"""Of one process, whose share of the driver's memory is 4 GB."""
_KEPT: dict[str, tuple[int, list[Any]]] = {}
"""By the addresses of the data files: the bytes of their rows, and what was made of the blocks of rows."""
_Made = TypeVar("_Made")


def kept_rows(
    files: Iterable[DataFile], columns: list[str], prepare: Callable[[pa.RecordBatch], _Made]
) -> Iterator[_Made]:
    """Yield what `prepare` makes of each block of rows of scan.rows_of, and keep it in this process for the next call.

    For a process that reads one snapshot of one table, always the same columns, and prepares them in the same way. A
    file whose rows are too many is fetched again.
    """
    for file in files:
        if file.location in _KEPT:
            yield from _KEPT[file.location][1]
        else:
            yield from _noted(file, rows_of([file], columns), prepare)


def _noted(
    file: DataFile, batches: Iterator[pa.RecordBatch], prepare: Callable[[pa.RecordBatch], _Made]
) -> Iterator[_Made]:
    room = MOST_KEPT_BYTES - sum(size for size, _ in _KEPT.values())
    size = 0
    noted: list[_Made] = []
    for batch in batches:
        size += batch.nbytes
        made = prepare(batch)
        noted.append(made)
        if size > room:
            noted.clear()
        yield made
    if size <= room:
        _KEPT[file.location] = size, noted
