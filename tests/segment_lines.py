"""Reading a segment in a test: the deployed reader is the job's (`segment_reader`), which knows keys alone."""

import json

from pomona_intake.queue.segments import VERSION, DirtyKey


def parse_lines(body: bytes) -> list[DirtyKey]:
    """Return the dirty keys of a segment, in the order of its lines."""
    lines = [json.loads(line) for line in body.splitlines()]
    assert all(line.pop("v") == VERSION for line in lines)
    return [DirtyKey(**line) for line in lines]
