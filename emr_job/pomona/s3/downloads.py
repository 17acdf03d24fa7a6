"""Reads an object on S3 in chunks, ahead of their use, in memory that does not depend on its size."""

import io
from collections import OrderedDict
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pomona.s3.objects import read_bytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True)
class ChunkSettings:
    """The size of a chunk, and how many of them are fetched ahead and kept.

    Chunks are kept because a Parquet file is read one column after the other, back and forth over a row group.
    """

    bytes: int
    ahead: int
    kept: int


LARGE_CHUNKS = ChunkSettings(8 * 2**20, ahead=2, kept=6)
"""To read a whole object: S3 needs longer to begin an answer than to send a megabyte."""
SMALL_CHUNKS = ChunkSettings(2**19, ahead=1, kept=32)
"""To read a small part of an object."""


def download(bucket: str, key: str, bounds: tuple[int, int] | None = None) -> bytes:
    """Return the object's bytes, or those within the bounds.

    Raises:
        FileNotFoundError: there is no such object.
    """
    body = read_bytes(bucket, key, bounds)
    if body is None:
        raise FileNotFoundError(f"s3://{bucket}/{key} is gone: its snapshot has expired meanwhile")
    return body


class ObjectReader(io.RawIOBase):
    """The object `key` of `size` bytes as a file to read from. The threads of `pool` fetch its chunks.

    A read raises FileNotFoundError if the object is gone.
    """

    def __init__(self, bucket: str, key: str, size: int, pool: Executor, settings: ChunkSettings) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._pool = pool
        self._settings = settings
        self._position = 0
        self._chunks: OrderedDict[int, Future[bytes]] = OrderedDict()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset of the next read, and return it."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer as far as the object goes, and return the number of bytes."""
        target = memoryview(buffer).cast("B")
        begin, end = self._position, min(self._position + len(target), self._size)
        while self._position < end:
            number, start = divmod(self._position, self._settings.bytes)
            part = self._chunk(number)[start : start + end - self._position]
            target[self._position - begin : self._position - begin + len(part)] = part
            self._position += len(part)
        return self._position - begin

    def _chunk(self, number: int) -> bytes:
        for wanted in range(number, min(number + self._settings.ahead, (self._size - 1) // self._settings.bytes) + 1):
            if wanted not in self._chunks:
                self._chunks[wanted] = self._pool.submit(self._fetch, wanted)
            self._chunks.move_to_end(wanted)
        while len(self._chunks) > self._settings.kept:
            self._chunks.popitem(last=False)
        return self._chunks[number].result()

    def _fetch(self, number: int) -> bytes:
        start = number * self._settings.bytes
        return download(self._bucket, self._key, (start, min(start + self._settings.bytes, self._size)))
