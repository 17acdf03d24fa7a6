"""Which keys the table's data files hold. A file never changes, so a process reads its keys once."""

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pomona.s3.downloads import SMALL_CHUNKS, ObjectReader
from pomona.s3.objects import bucket_and_key
from pomona.s3.read_ahead import in_order
from pomona.table.scan import READ_BYTES, DataFile

MOST_BYTES = 64 * 2**20
"""Of what is kept: eight bytes a key, so those of eight million rows."""
FILES_AT_ONCE = 8
Hashes = NDArray[np.int64]


class KeyCache:
    """The hashes of the keys of data files, those that were used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._hashes: OrderedDict[str, Hashes] = OrderedDict()
        self._bytes = 0

    def files_with_any(self, files: list[DataFile], wanted: list[str]) -> list[DataFile]:
        """Return the files that may hold one of the wanted keys, of whichever bucket, even of a deleted row.

        Two keys may have the same hash: then a file is returned that holds neither, which costs reading it.
        """
        sought = hashes_of(wanted)
        return [file for file, hashes in self._each(files) if _have_common(hashes, sought)]

    def _each(self, files: list[DataFile]) -> Iterator[tuple[DataFile, Hashes]]:
        """Yield each file with its hashes, the kept files first; a few files are in memory beside the kept."""
        unread = [file for file in files if file.location not in self._hashes]
        for file in files:
            if (hashes := self._hashes.get(file.location)) is not None:
                self._hashes.move_to_end(file.location)
                yield file, hashes
        with ThreadPoolExecutor(FILES_AT_ONCE) as chunks:
            read = in_order(unread, lambda file: hashes_of(_keys_of(file, chunks)), FILES_AT_ONCE)
            for file, hashes in zip(unread, read, strict=True):
                self._keep(file, hashes)
                yield file, hashes

    def _keep(self, file: DataFile, hashes: Hashes) -> None:
        self._hashes[file.location] = hashes
        self._bytes += hashes.nbytes
        while self._bytes > self._most_bytes:
            _, oldest = self._hashes.popitem(last=False)
            self._bytes -= oldest.nbytes


def hashes_of(keys: list[str]) -> Hashes:
    """Return the keys' hashes in this process, sorted; each once."""
    return np.unique(np.fromiter(map(hash, keys), np.int64, len(keys)))


def _have_common(hashes: Hashes, sought: Hashes) -> bool:
    places = np.searchsorted(hashes, sought)
    inside = places < len(hashes)
    return bool((hashes[places[inside]] == sought[inside]).any())


def _keys_of(file: DataFile, pool: ThreadPoolExecutor) -> list[str]:
    reader = ObjectReader(*bucket_and_key(file.location), file.bytes, pool, SMALL_CHUNKS)
    parquet = pq.ParquetFile(pa.PythonFile(reader, mode="r"), buffer_size=READ_BYTES, pre_buffer=False)
    keys: list[str] = parquet.read(columns=["key"], use_threads=False)["key"].to_pylist()
    return keys
