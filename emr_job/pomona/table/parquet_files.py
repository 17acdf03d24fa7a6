"""Writing rows as one Parquet object, in memory that does not depend on how many they are."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pomona.s3.uploads import ObjectWriter

PARQUET = "application/vnd.apache.parquet"
GROUP_BYTES = 24 * 2**20
"""Of rows in memory to a row group: small groups are slow to read, and one is held whole while it is written."""


def write_parquet(bucket: str, key: str, batches: Iterable[pa.RecordBatch]) -> bool:
    """Write the batches, which have one schema, as the object `key`; where there are none, no object and False."""
    groups = _grouped(batches)
    first = next(groups, None)
    if first is None:
        return False
    texts = [field.name for field in first.schema if pa.types.is_string(field.type)]  # floats never repeat
    with (
        ObjectWriter(bucket, key, PARQUET) as file,
        pq.ParquetWriter(file, first.schema, compression="zstd", use_dictionary=texts) as parquet,
    ):
        parquet.write_table(first)
        for group in groups:
            parquet.write_table(group)
    return True


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of several batches, to be written as one row group each."""
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
