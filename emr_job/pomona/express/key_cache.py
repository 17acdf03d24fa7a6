"""Which keys the table's data files hold. A file never changes, so a process reads its keys once."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pomona.s3.downloads import SMALL_CHUNKS, ObjectReader
from pomona.s3.objects import bucket_and_key
from pomona.table.scan import READ_BYTES, DataFile

MOST_BYTES = 128 * 2**20
"""Of keys that are kept: those of some two million rows."""
FILES_AT_ONCE = 8


class KeyCache:
    """The keys of data files, those that were used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._keys: OrderedDict[str, pa.ChunkedArray] = OrderedDict()

    def files_with_any(self, files: list[DataFile], wanted: pa.Array) -> list[DataFile]:
        """Return the files that hold one of the wanted keys (strings), of whichever bucket, even of a deleted row."""
        self._read([file for file in files if file.location not in self._keys])
        found = [file for file in files if pc.any(pc.is_in(self._keys[file.location], value_set=wanted)).as_py()]
        for file in files:
            self._keys.move_to_end(file.location)
        self._forget()
        return found

    def _read(self, files: list[DataFile]) -> None:
        with ThreadPoolExecutor(FILES_AT_ONCE) as files_pool, ThreadPoolExecutor(FILES_AT_ONCE) as chunks_pool:
            keys = files_pool.map(lambda file: _keys_of(file, chunks_pool), files)
            self._keys.update({file.location: some for file, some in zip(files, keys, strict=True)})

    def _forget(self) -> None:
        size = sum(keys.nbytes for keys in self._keys.values())
        while size > self._most_bytes:
            _, keys = self._keys.popitem(last=False)
            size -= keys.nbytes


def _keys_of(file: DataFile, pool: ThreadPoolExecutor) -> pa.ChunkedArray:
    reader = ObjectReader(*bucket_and_key(file.location), file.bytes, pool, SMALL_CHUNKS)
    parquet = pq.ParquetFile(pa.PythonFile(reader, mode="r"), buffer_size=READ_BYTES, pre_buffer=False)
    return parquet.read(columns=["key"], use_threads=False)["key"]
