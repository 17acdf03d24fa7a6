"""Marking keys dirty: a stream of keys becomes segments of the queue."""

import secrets
from collections.abc import Iterable, Iterator
from itertools import islice

from pomona_cli.parallel import parallel_map
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import MAX_KEYS_PER_SEGMENT
from pomona_contract.times import iso, now
from pomona_intake.queue.segment_writer import SegmentWriter

_WRITES_AT_ONCE = 4


def mark_dirty(writer: SegmentWriter, bucket: str, keys: Iterable[str], purpose: str) -> Iterator[int]:
    """Write the keys into segments and yield the number of keys of each segment that is stored.

    A segment is stored whole or not at all, so after an interruption everything that was yielded is in the queue.
    The memory holds the keys of a few segments.

    Args:
        writer: writes the segments.
        bucket: the bucket of the keys.
        keys: the keys to mark dirty.
        purpose: part of the segments' names; letters, digits and dashes.
    """
    request = f"{purpose}-{secrets.token_hex(4)}"

    def write(numbered: tuple[int, list[str]]) -> int:
        number, chunk = numbered
        seen_at = iso(now())
        writer.write([DirtyKey(bucket, key, seen_at) for key in chunk], f"{request}-{number:06d}")
        return len(chunk)

    return parallel_map(_WRITES_AT_ONCE, write, enumerate(_chunks(iter(keys))))


def _chunks(stream: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(stream, MAX_KEYS_PER_SEGMENT)):
        yield chunk
