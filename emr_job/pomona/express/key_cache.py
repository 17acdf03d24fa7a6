"""Which keys the table's data files hold. A file never changes, so a process reads its keys once."""

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pomona.s3.downloads import SMALL_CHUNKS, ObjectReader
from pomona.s3.objects import bucket_and_key
from pomona.s3.read_ahead import in_order
from pomona.table.scan import READ_BYTES, DataFile

MOST_BYTES = 128 * 2**20
"""Of keys that are kept: those of some two million rows."""
FILES_AT_ONCE = 8


class KeyCache:
    """The keys of data files, those that were used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._keys: OrderedDict[str, pa.ChunkedArray] = OrderedDict()
        self._bytes = 0

    def files_with_any(self, files: list[DataFile], wanted: pa.Array) -> list[DataFile]:
        """Return the files that hold one of the wanted keys (strings), of whichever bucket, even of a deleted row."""
        return [file for file, keys in self._each(files) if pc.any(pc.is_in(keys, value_set=wanted)).as_py()]

    def _each(self, files: list[DataFile]) -> Iterator[tuple[DataFile, pa.ChunkedArray]]:
        """Yield each file with its keys, those of the kept files first; a few files are in memory beside the kept."""
        unread = [file for file in files if file.location not in self._keys]
        for file in files:
            if (keys := self._keys.get(file.location)) is not None:
                self._keys.move_to_end(file.location)
                yield file, keys
        with ThreadPoolExecutor(FILES_AT_ONCE) as chunks:
            read = in_order(unread, lambda file: _keys_of(file, chunks), FILES_AT_ONCE)
            for file, keys in zip(unread, read, strict=True):
                self._keep(file, keys)
                yield file, keys

    def _keep(self, file: DataFile, keys: pa.ChunkedArray) -> None:
        self._keys[file.location] = keys
        self._bytes += keys.nbytes
        while self._bytes > self._most_bytes:
            _, oldest = self._keys.popitem(last=False)
            self._bytes -= oldest.nbytes


def _keys_of(file: DataFile, pool: ThreadPoolExecutor) -> pa.ChunkedArray:
    reader = ObjectReader(*bucket_and_key(file.location), file.bytes, pool, SMALL_CHUNKS)
    parquet = pq.ParquetFile(pa.PythonFile(reader, mode="r"), buffer_size=READ_BYTES, pre_buffer=False)
    return parquet.read(columns=["key"], use_threads=False)["key"]
