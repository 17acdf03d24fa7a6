"""Segments: objects with one line for each dirty key, whose names say how old and how large they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pomona_contract.lake_layout import PENDING_SEGMENTS, file_name
from pomona_contract.segment_lines import DirtyKey, encode_lines
from pomona_contract.times import stamp, unstamp

MAX_KEYS_PER_SEGMENT = 10_000  # as many messages as Lambda passes to one invocation; about 1.5 MB
SEGMENT_ENDING = ".jsonl"
_MAINTENANCE = "maintenance"  # the request of a segment without keys
_CLUSTER = "cluster"  # the beginning of the request of a segment that only the cluster takes
_RETRY = "retry"
_NAME = re.compile(rf"{PENDING_SEGMENTS}(\d{{8}}T\d{{9}}Z)-(\d{{6,}})-([A-Za-z0-9-]+)-(\d+)\{SEGMENT_ENDING}")


@dataclass(frozen=True)
class Segment:
    """What the name of a segment says."""

    name: str
    keys: int
    written_at: datetime

    @property
    def is_for_cluster(self) -> bool:
        """Return True if only the cluster may take it: the express lane has deferred it, or it asks for maintenance."""
        return requests_maintenance(self.name) or f"-{_CLUSTER}-" in self.name


def parse_segment_name(name: str) -> Segment | None:
    """Return the segment of that name, None if the object is not a segment."""
    match = _NAME.fullmatch(name)
    return Segment(name, int(match[2]), unstamp(match[1])) if match else None


def new_segments(keys: Sequence[DirtyKey], request_id: str, written_at: datetime) -> dict[str, bytes]:
    """Return the names and contents of segments that hold these keys, at most MAX_KEYS_PER_SEGMENT in each.

    A name holds the request and the part, so two writers never choose the same name.
    """
    chunks = [keys[start : start + MAX_KEYS_PER_SEGMENT] for start in range(0, len(keys), MAX_KEYS_PER_SEGMENT)]
    return {
        _segment_name(written_at, len(chunk), request_id, part): encode_lines(chunk)
        for part, chunk in enumerate(chunks)
    }


def cluster_request(request_id: str) -> str:
    """Return the id of a request whose segments only the cluster takes."""
    return f"{_CLUSTER}-{request_id}"


def deferred_segments(keys: Sequence[DirtyKey], request_id: str, written_at: datetime) -> dict[str, bytes]:
    """Return the names and contents of segments of keys that the express lane defers to the cluster."""
    return new_segments(keys, cluster_request(request_id), written_at)


def maintenance_segment_name(written_at: datetime) -> str:
    """Return the name of a segment without keys: its run reads no image and maintains the table."""
    return _segment_name(written_at, 0, _MAINTENANCE, 0)


def requests_maintenance(name: str) -> bool:
    """Return True if the segment of that name asks for the table's maintenance."""
    return f"-{_MAINTENANCE}-" in name


def retried_segment_name(failed_name: str, moment: datetime, request: str, part: int) -> str:
    """Return a new pending name for a segment of a failed batch.

    It is never the old name: a late caller may still delete the segment under its old name. An object whose name does
    not tell its number of keys counts as a segment without keys.
    """
    segment = parse_segment_name(PENDING_SEGMENTS + file_name(failed_name))
    if requests_maintenance(failed_name):
        purpose = _MAINTENANCE
    else:
        purpose = _CLUSTER if segment and segment.is_for_cluster else _RETRY
    return _segment_name(moment, segment.keys if segment else 0, f"{purpose}-{request}", part)


def _segment_name(moment: datetime, keys: int, request_id: str, part: int) -> str:
    return f"{PENDING_SEGMENTS}{stamp(moment)}-{keys:06d}-{request_id}-{part}{SEGMENT_ENDING}"
