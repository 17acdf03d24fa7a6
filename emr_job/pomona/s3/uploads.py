"""Writes an object in parts, in memory that does not depend on its size."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore

from pomona.s3.object_store import object_store

if TYPE_CHECKING:
    from obstore import WritableFile
    from typing_extensions import Buffer

PART_BYTES = 16 * 2**20  # S3 takes 10,000 parts of at least 5 MiB: objects up to 160 GB
PARTS_AT_ONCE = 2


class _ObjectFile(io.RawIOBase):
    """obstore's writer as a file that PyArrow takes: there `closed` is a property, in obstore a method."""

    def __init__(self, writer: "WritableFile") -> None:
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, content: "Buffer") -> int:
        return self._writer.write(content)


@contextmanager
def open_object_writer(bucket: str, key: str, content_type: str) -> Iterator[io.RawIOBase]:
    """Return a file to write to; when the block ends, it becomes the object `key`, replacing an older one.

    If an exception leaves the block, no object appears, and S3 keeps no part of it.
    """
    attributes = {"Content-Type": content_type}
    with obstore.open_writer(
        object_store(bucket), key, attributes=attributes, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
    ) as writer:
        yield _ObjectFile(writer)
