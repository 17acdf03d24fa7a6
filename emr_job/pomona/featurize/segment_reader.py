"""Reads segments: each line names one dirty key. A line that cannot be used gets a reason."""

from dataclasses import dataclass

from pomona_contract.segment_lines import SegmentLineError, decode_line, shortened

_SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class SegmentContent:
    """The content of one segment."""

    keys: list[str]
    """Keys of the images bucket, in the order of the lines."""
    problem: str
    """Why some lines cannot be used, with the first of them; empty if all can."""


def read_segment(body: bytes, images_bucket: str) -> SegmentContent:
    """Return the keys of the usable lines, and what is wrong with the others."""
    keys, problems, count = [], [], 0
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        count += 1
        try:
            keys.append(_key(line, images_bucket))
        except SegmentLineError as error:
            problems.append(f"line {number} {error}")
    return SegmentContent(keys, _sentence(problems, count))


def _sentence(problems: list[str], count: int) -> str:
    if not problems:
        return ""
    more = "; and others" if len(problems) > _SHOWN_PROBLEMS else ""
    return f"{len(problems)} of {count} lines cannot be used: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}"


def _key(line: bytes, images_bucket: str) -> str:
    dirty = decode_line(line)
    if dirty.bucket != images_bucket:
        raise SegmentLineError(f"names the key {shortened(dirty.key)} of the bucket {dirty.bucket!a}")
    return dirty.key
