"""The items of HEIC and AVIF: which the file has, and where the data of its pictures lie (ISO/IEC 14496-12, 8.11)."""

from collections.abc import Iterator
from typing import NamedTuple

LARGE = 1  # the size of a box that has its size in 8 bytes behind its type
VERSION_AND_FLAGS = 4
LOCATIONS_BYTES = 2**20  # a picture of 1,000 tiles has 20 kB
IN_THE_FILE = 0  # the construction method of data that are neither in the metadata nor in another item


class Box(NamedTuple):
    """A box: `body[start:end]`, whose content begins at `content`."""

    kind: bytes
    start: int
    content: int
    end: int


class Extent(NamedTuple):
    """A part of an item's data: `body[start:end]`; `end` is None for the end of the file."""

    start: int
    end: int | None


def boxes(body: bytes, start: int = 0) -> Iterator[Box]:
    """Yield the boxes that follow one another from `start` (4.2); the last may be cut."""
    while start + 8 <= len(body):
        size, kind, content = int.from_bytes(body[start : start + 4]), body[start + 4 : start + 8], start + 8
        if size == LARGE:
            size, content = int.from_bytes(body[start + 8 : start + 16]), start + 16
        end = max(start + size, content) if size else len(body)
        yield Box(kind, start, content, end)
        start = end


def item_kinds(meta: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the type of each item that the content of a `meta` box declares (8.11.6)."""
    for box in boxes(meta, VERSION_AND_FLAGS):
        if box.kind == b"iinf":
            entries = box.content + (6 if meta[box.content] == 0 else 8)
            for item in boxes(meta[: box.end], entries):
                entry = meta[item.content : item.end]
                id_bytes = 2 if entry[:1] == b"\2" else 4
                yield int.from_bytes(entry[4 : 4 + id_bytes]), entry[6 + id_bytes : 10 + id_bytes]


def item_extents(meta: bytes) -> Iterator[tuple[int, Extent]]:
    """Yield where the data of the items lie in the file, by their numbers (8.11.3); damaged lists end early."""
    for box in boxes(meta, VERSION_AND_FLAGS):
        if box.kind == b"iloc":
            yield from _located(_Reader(meta[box.content : min(box.end, box.content + LOCATIONS_BYTES)]))


class _Reader:
    """Reads numbers one after the other; behind the end they are 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self, size: int) -> int:
        self._position += size
        return int.from_bytes(self._data[self._position - size : self._position])

    @property
    def has_more(self) -> bool:
        return self._position < len(self._data)


def _located(reader: _Reader) -> Iterator[tuple[int, Extent]]:
    version, _, sizes = reader.number(1), reader.number(3), reader.number(2)
    offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    extent_bytes = offset_bytes + length_bytes + index_bytes
    for _ in range(reader.number(2 if version < 2 else 4)):
        if not reader.has_more:
            return
        number = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version in (1, 2) else IN_THE_FILE
        reader.number(2)  # the file: this one
        base = reader.number(base_bytes)
        extents = reader.number(2)
        for _ in range(extents if extent_bytes else min(extents, 1)):
            if extent_bytes and not reader.has_more:
                return
            reader.number(index_bytes if version in (1, 2) else 0)
            start, length = base + reader.number(offset_bytes), reader.number(length_bytes)
            if method == IN_THE_FILE:
                yield number, Extent(start, start + length if length else None)
