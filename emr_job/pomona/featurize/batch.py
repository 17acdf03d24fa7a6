"""The batch of a run: whether this attempt is in flight, and which keys are dirty."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pomona.errors import MisconfiguredError, SupersededError
from pomona.featurize.segment_reader import read_segment
from pomona.s3.objects import read_bytes, write_bytes, write_json

ACTIVE = "queue/active.json"
FAILED = "queue/failed/"
MAINTENANCE = "-maintenance-"  # in the name of a segment without keys
FORMATS = (1, 2)
FAILED_FORMAT = 2
SEGMENTS_AT_ONCE = 16
log = logging.getLogger("pomona.featurize.batch")


@dataclass(frozen=True)
class UnusableSegment:
    """A segment with lines that no run can use. The keys of its other lines are part of the batch."""

    name: str
    reason: str
    body: bytes
    keys: int

    @property
    def batch_id(self) -> str:
        """Return the id of the failed batch as which the segment is set aside."""
        return self.name.rpartition("/")[2].removesuffix(".jsonl")


@dataclass(frozen=True)
class Batch:
    """The content of `active.json` and its segments."""

    keys: list[str]
    """Dirty keys of the images bucket, each once."""
    asks_for_maintenance: bool
    """True if one of the segments asks for the table's maintenance."""
    segments_missing: int
    """Number of segments that were already deleted: the claim came from a stale listing, and their keys are done."""
    unusable: list[UnusableSegment]
    """Segments to set aside before the batch is settled: settling deletes them."""


def require_in_flight(lake_bucket: str, batch_id: str, attempt: int) -> dict[str, Any]:
    """Return the document of the batch in flight.

    Raises:
        SupersededError: the batch in flight is another one, or another attempt.
        MisconfiguredError: the document is damaged or has an unknown format.
    """
    body = read_bytes(lake_bucket, ACTIVE)
    if body is None:
        raise SupersededError(f"batch {batch_id} attempt {attempt} is not in flight: no batch is")
    active = _parse(body)
    if (active["batch_id"], active["attempt"]) != (batch_id, attempt):
        raise SupersededError(
            f"batch {batch_id} attempt {attempt} is not in flight: "
            f"batch {active['batch_id']} attempt {active['attempt']} is"
        )
    return active


def _parse(body: bytes) -> dict[str, Any]:
    try:
        active: dict[str, Any] = json.loads(body)
        version = active.get("format")
    except (ValueError, AttributeError) as error:
        raise MisconfiguredError(f"{ACTIVE} cannot be read: {error}; run `pomona repair`") from error
    if version not in FORMATS:
        raise MisconfiguredError(f"{ACTIVE} has format {version!r}, this job reads formats {FORMATS}")
    return active


def read_batch(lake_bucket: str, images_bucket: str, active: dict[str, Any]) -> Batch:
    """Read the segments of the batch in flight, several at a time."""
    names = [segment["name"] for segment in active["segments"]]
    with ThreadPoolExecutor(SEGMENTS_AT_ONCE) as pool:
        bodies = list(pool.map(partial(read_bytes, lake_bucket), names))
    found = {name: body for name, body in zip(names, bodies, strict=True) if body is not None}
    contents = {name: read_segment(body, images_bucket) for name, body in found.items()}
    return Batch(
        keys=list(dict.fromkeys(key for content in contents.values() for key in content.keys)),
        asks_for_maintenance=any(MAINTENANCE in name for name in names),
        segments_missing=len(names) - len(found),
        unusable=[
            UnusableSegment(name, content.problem, found[name], len(content.keys))
            for name, content in contents.items()
            if content.problem
        ],
    )


def set_aside(lake_bucket: str, segment: UnusableSegment, attempt: int) -> None:
    """Keep a segment as a failed batch of its own. Idempotent.

    The operator continues with `pomona retry` or `pomona discard`. The run itself processes the usable keys.
    """
    folder = f"{FAILED}{segment.batch_id}/"
    write_bytes(lake_bucket, f"{folder}{segment.batch_id}.jsonl", segment.body)
    document = FailedSegment(segment.batch_id, attempt, segment.reason, datetime.now(UTC).isoformat(), segment.keys)
    write_json(lake_bucket, f"{folder}batch.json", {"format": FAILED_FORMAT, **asdict(document)})
    log.warning("the segment %s was set aside: %s", segment.name, segment.reason)


@dataclass(frozen=True)
class FailedSegment:
    """`queue/failed/<batch id>/batch.json` of a single segment, with the fields that every failed batch has."""

    batch_id: str
    attempts: int
    reason: str
    failed_at: str  # ISO 8601, UTC
    keys: int  # usable, and processed by the run
    segments: int = 1
