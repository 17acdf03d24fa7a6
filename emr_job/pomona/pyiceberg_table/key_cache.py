"""Which keys the table's data files hold."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pomona.pyiceberg_table.kept_files import FILES_AT_ONCE, KeptFiles
from pomona.s3.downloads import SMALL_CHUNKS, ObjectReader
from pomona.s3.objects import bucket_and_key
from pomona.table.scan import READ_BYTES, DataFile

MOST_BYTES = 64 * 2**20
"""Of what is kept: eight bytes a key, so those of eight million rows."""
Hashes = NDArray[np.int64]


class KeyCache:
    """The hashes of the keys of data files, those that were used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._files = KeptFiles[DataFile, Hashes](lambda file: file.location, lambda hashes: hashes.nbytes, most_bytes)

    def files_with_any(self, files: list[DataFile], wanted: list[str]) -> list[DataFile]:
        """Return the files that may hold one of the wanted keys, of whichever bucket, even of a deleted row.

        Two keys may have the same hash: then a file is returned that holds neither, which costs reading it.
        """
        sought = hashes_of(wanted)
        with ThreadPoolExecutor(FILES_AT_ONCE) as chunks:
            each = self._files.each(files, lambda file: hashes_of(_keys_of(file, chunks)))
            return [file for file, hashes in each if _have_common(hashes, sought)]


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
