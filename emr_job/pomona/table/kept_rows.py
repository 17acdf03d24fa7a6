"""Rows that a pass over the table leaves on the disk: the next pass need not fetch and decode them again."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from pomona.table.scan import DataFile, rows_of


def rows_kept_in(folder: Path | None, files: Iterable[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows as scan.rows_of does: the first time they are written to the folder, later read from it.

    The folder is for one snapshot of a table, and for these columns. The rows take about as much space as the data
    files. Without a folder nothing is kept.
    """
    if folder is None:
        yield from rows_of(files, columns)
        return
    for file in files:
        path = folder / f"{hashlib.sha256(file.location.encode()).hexdigest()}.arrow"
        yield from _read(path) if path.exists() else _written(path, rows_of([file], columns))


def _read(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def _written(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    partial, writer = path.with_suffix(".partial"), None
    for batch in batches:
        writer = writer or pa.ipc.new_file(str(partial), batch.schema)
        writer.write_batch(batch)
        yield batch
    if writer is not None:
        writer.close()
        partial.rename(path)
