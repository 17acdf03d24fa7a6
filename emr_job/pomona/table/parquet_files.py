"""Writes rows as one Parquet object, in memory that does not grow with their number."""

import io
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pomona.s3.uploads import open_object_writer

PARQUET = "application/vnd.apache.parquet"
GROUP_BYTES = 24 * 2**20
"""Size in memory of a row group: small groups are slow to read, and a group is held in memory while it is written."""


def write_parquet(bucket: str, key: str, batches: Iterable[pa.RecordBatch]) -> bool:
    """Write the batches, which have one schema, as the object `key`, and return True; without batches, return False."""
    groups = _grouped(batches)
    first = next(groups, None)
    if first is None:
        return False
    with open_object_writer(bucket, key, PARQUET) as file:
        _write(file, first, groups)
    return True


def parquet_bytes(batches: Iterable[pa.RecordBatch]) -> bytes | None:
    """Return the batches, which have one schema and are few, as the content of a Parquet object; None without any."""
    groups = _grouped(batches)
    first = next(groups, None)
    if first is None:
        return None
    file = io.BytesIO()
    _write(file, first, groups)
    return file.getvalue()


def _write(file: io.IOBase, first: pa.Table, others: Iterable[pa.Table]) -> None:
    texts = [field.name for field in first.schema if pa.types.is_string(field.type)]  # floats never repeat
    with pq.ParquetWriter(file, first.schema, compression="zstd", use_dictionary=texts) as parquet:
        parquet.write_table(first)
        for group in others:
            parquet.write_table(group)


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of several batches; each becomes a row group."""
    gathered: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        gathered.append(batch)
        size += batch.nbytes
        if size >= GROUP_BYTES:
            yield pa.Table.from_batches(gathered)
            gathered, size = [], 0
    if gathered:
        yield pa.Table.from_batches(gathered)
