"""Reads segments: each line names one dirty key. A line that cannot be used gets a reason."""

import json
from dataclasses import dataclass
from typing import Any

VERSION = 1
_LONGEST_KEY_BYTES = 1024
_SHOWN_PROBLEMS = 3
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class SegmentContent:
    """The content of one segment."""

    keys: list[str]
    """Keys of the images bucket, in the order of the lines."""
    problem: str
    """Why some lines cannot be used, with the first of them; empty if all can."""


class _LineError(Exception):
    """Why a line cannot be used."""


def read_segment(body: bytes, images_bucket: str) -> SegmentContent:
    """Return the keys of the usable lines, and what is wrong with the others."""
    keys, problems, count = [], [], 0
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        count += 1
        try:
            keys.append(_key(line, images_bucket))
        except _LineError as error:
            problems.append(f"line {number} {error}")
    return SegmentContent(keys, _sentence(problems, count))


def _sentence(problems: list[str], count: int) -> str:
    if not problems:
        return ""
    more = "; and others" if len(problems) > _SHOWN_PROBLEMS else ""
    return f"{len(problems)} of {count} lines cannot be used: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}"


def _key(line: bytes, images_bucket: str) -> str:
    dirty = _parse(line)
    if dirty.get("v") != VERSION:
        raise _LineError(f"has version {dirty.get('v')!r}, this job reads {VERSION}")
    bucket, key = dirty.get("bucket"), dirty.get("key")
    if not (isinstance(bucket, str) and isinstance(key, str) and key):
        raise _LineError("names no bucket and key")
    if not _is_possible(key):
        raise _LineError(f"names a key that S3 cannot have ({ascii(key)[:_SHOWN_CHARACTERS]})")
    if bucket != images_bucket:
        raise _LineError(f"names the key {ascii(key)[:_SHOWN_CHARACTERS]} of the bucket {bucket!a}")
    return key


def _is_possible(key: str) -> bool:
    """Return True if S3 can have the key: UTF-8 of at most 1,024 bytes."""
    try:
        return len(key.encode()) <= _LONGEST_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape
        return False


def _parse(line: bytes) -> dict[str, Any]:
    try:
        dirty = json.loads(line)
    except (ValueError, RecursionError):
        raise _LineError(f"is not JSON ({line[: _SHOWN_CHARACTERS // 2]!a})") from None
    if not isinstance(dirty, dict):
        raise _LineError("is not a JSON object")
    return dirty
