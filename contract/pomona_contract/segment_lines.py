"""The lines of a segment: one JSON object for each dirty key."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pomona_contract.image_keys import is_possible_key
from pomona_contract.versions import only

LINE_FORMAT = only(1, field="v")
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class DirtyKey:
    """A key whose row may no longer agree with the bucket."""

    bucket: str
    key: str  # as S3 knows it, not form-encoded
    seen_at: str  # ISO 8601, UTC: when Pomona was told of it


class SegmentLineError(ValueError):
    """A line cannot be used. The text says why; it continues a sentence that begins with the line's number."""


def encode_lines(keys: Iterable[DirtyKey]) -> bytes:
    """Return one line for each key."""
    return "".join(f"{json.dumps(LINE_FORMAT.versioned(vars(key)))}\n" for key in keys).encode()


def decode_line(line: bytes) -> DirtyKey:
    """Return the key that a line names.

    Raises:
        SegmentLineError: the line is damaged, has an unknown version, or names a key that S3 cannot have.
    """
    fields = _parse(line)
    if problem := LINE_FORMAT.problem(fields.get(LINE_FORMAT.field)):
        raise SegmentLineError(problem)
    bucket, key = fields.get("bucket"), fields.get("key")
    if not (isinstance(bucket, str) and isinstance(key, str) and key):
        raise SegmentLineError("names no bucket and key")
    if not is_possible_key(key):
        raise SegmentLineError(f"names a key that S3 cannot have ({shortened(key)})")
    return DirtyKey(bucket, key, str(fields.get("seen_at", "")))


def shortened(key: str) -> str:
    """Return a key for a message: ASCII, quoted, and not too long."""
    return ascii(key)[:_SHOWN_CHARACTERS]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise SegmentLineError(f"is not JSON ({line[: _SHOWN_CHARACTERS // 2]!a})") from None
    if not isinstance(fields, dict):
        raise SegmentLineError("is not a JSON object")
    return fields
