"""Segments: objects with one line per dirty key, whose names say how old and how large they are."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pomona_intake.times import stamp, unstamp

PENDING = "queue/pending/"
VERSION = 1
MAINTENANCE = "maintenance"  # the request of a segment without keys
MAX_KEYS_PER_SEGMENT = 10_000  # as many messages as Lambda hands over at once; about 1.5 MB

_NAME = re.compile(rf"{PENDING}(\d{{8}}T\d{{9}}Z)-(\d{{6,}})-([A-Za-z0-9-]+)-(\d+)\.jsonl")


@dataclass(frozen=True)
class DirtyKey:
    """A key whose row may no longer agree with the bucket."""

    bucket: str
    key: str  # as S3 knows it, not form-encoded
    seen_at: str  # ISO 8601, UTC: when the intake heard of it


@dataclass(frozen=True)
class Segment:
    """What the name of a segment says."""

    name: str
    keys: int
    written_at: datetime


def parse_name(name: str) -> Segment | None:
    """The segment of that name, or None if the object is not one."""
    match = _NAME.fullmatch(name)
    return Segment(name, int(match[2]), unstamp(match[1])) if match else None


def parts(keys: Sequence[DirtyKey], request_id: str, written_at: datetime) -> dict[str, bytes]:
    """Names and contents of the segments that hold these keys, at most MAX_KEYS_PER_SEGMENT in each.

    The name holds the request and the part, so no two writers ever choose the same.
    """
    chunks = [keys[start : start + MAX_KEYS_PER_SEGMENT] for start in range(0, len(keys), MAX_KEYS_PER_SEGMENT)]
    prefix = f"{PENDING}{stamp(written_at)}"
    return {
        f"{prefix}-{len(chunk):06d}-{request_id}-{part}.jsonl": format_lines(chunk) for part, chunk in enumerate(chunks)
    }


def empty(written_at: datetime) -> str:
    """The name of a segment without keys: a run for it looks at no image, and maintains the table."""
    return f"{PENDING}{stamp(written_at)}-{0:06d}-{MAINTENANCE}-0.jsonl"


def basename(name: str) -> str:
    """Return an object's name without its folders."""
    return name.rpartition("/")[2]


def put_back_name(name: str, moment: datetime, request: str, part: int) -> str:
    """Return a new pending name for a segment that was set aside.

    It is never the old one: a caller that is late may still delete the segment under its old name. An object whose
    name says no number of keys counts as a segment without any.
    """
    segment = parse_name(PENDING + basename(name))
    purpose = MAINTENANCE if f"-{MAINTENANCE}-" in name else "retry"
    return f"{PENDING}{stamp(moment)}-{segment.keys if segment else 0:06d}-{purpose}-{request}-{part}.jsonl"


def format_lines(keys: Iterable[DirtyKey]) -> bytes:
    """One JSON object per line and key."""
    return "".join(f"{json.dumps({'v': VERSION, **vars(key)})}\n" for key in keys).encode()
