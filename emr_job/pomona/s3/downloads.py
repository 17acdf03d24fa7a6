"""Reading an object on S3 piece by piece, ahead of its use: in memory that does not depend on its size."""

import io
from collections import OrderedDict
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pomona.s3.objects import read_bytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True)
class Pieces:
    """How much of an object one request fetches, how many such pieces ahead of their use, how many are kept after it.

    Of a Parquet file several columns are read, one after the other, over some row groups.
    """

    bytes: int
    ahead: int
    kept: int


LARGE = Pieces(8 * 2**20, ahead=2, kept=6)
"""To read all of an object: S3 needs longer to begin an answer than to send a megabyte of it."""
SMALL = Pieces(2**19, ahead=1, kept=32)
"""To read here and there."""


def download(bucket: str, key: str, bounds: tuple[int, int] | None = None) -> bytes:
    """The object's bytes, or those within the bounds; FileNotFoundError if it is not there, or no longer."""
    body = read_bytes(bucket, key, bounds)
    if body is None:
        raise FileNotFoundError(f"s3://{bucket}/{key} is gone: its snapshot has expired meanwhile")
    return body


class ObjectReader(io.RawIOBase):
    """The object `key` of `size` bytes as a file to read from; the pieces are fetched by the threads of `pool`.

    FileNotFoundError if it is not there, or no longer.
    """

    def __init__(self, bucket: str, key: str, size: int, pool: Executor, pieces: Pieces) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._pool = pool
        self._cut = pieces
        self._position = 0
        self._pieces: OrderedDict[int, Future[bytes]] = OrderedDict()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on from there."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer, or as much of it as there is."""
        target = memoryview(buffer).cast("B")
        begin, end = self._position, min(self._position + len(target), self._size)
        while self._position < end:
            number, start = divmod(self._position, self._cut.bytes)
            part = self._piece(number)[start : start + end - self._position]
            target[self._position - begin : self._position - begin + len(part)] = part
            self._position += len(part)
        return self._position - begin

    def _piece(self, number: int) -> bytes:
        for wanted in range(number, min(number + self._cut.ahead, (self._size - 1) // self._cut.bytes) + 1):
            if wanted not in self._pieces:
                self._pieces[wanted] = self._pool.submit(self._fetch, wanted)
            self._pieces.move_to_end(wanted)
        while len(self._pieces) > self._cut.kept:
            self._pieces.popitem(last=False)
        return self._pieces[number].result()

    def _fetch(self, number: int) -> bytes:
        start = number * self._cut.bytes
        return download(self._bucket, self._key, (start, min(start + self._cut.bytes, self._size)))
