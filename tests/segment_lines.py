"""Read a segment in a test: the job's reader (`segment_reader`) returns the keys alone."""

from pomona_contract.segment_lines import DirtyKey, decode_line


def parse_lines(body: bytes) -> list[DirtyKey]:
    """Return the dirty keys of a segment, in the order of its lines."""
    return [decode_line(line) for line in body.splitlines()]
