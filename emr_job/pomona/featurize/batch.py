"""The batch of a run: whether this attempt is in flight, and which keys are dirty."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pomona.errors import MisconfiguredError, SupersededError
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.segment_reader import read_segment
from pomona.s3.objects import read_bytes, require_bucket, write_bytes, write_json
from pomona_contract.documents.claim import Claim
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import CLAIM, failed_batch_document, failed_batch_folder, file_name
from pomona_contract.segments import SEGMENT_ENDING, requests_maintenance

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
        return file_name(self.name).removesuffix(SEGMENT_ENDING)


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


def claimed_batch(arguments: FeaturizeArguments) -> Batch:
    """Return the batch, once it is certain that this attempt is in flight. Its unusable segments are set aside.

    Raises:
        JobError: there is no such bucket, or another attempt is in flight.
    """
    require_bucket(arguments.images_bucket)
    active = require_in_flight(arguments.lake_bucket, arguments.batch_id, arguments.attempt)
    batch = read_batch(arguments.lake_bucket, arguments.images_bucket, active)
    for segment in batch.unusable:
        set_aside(arguments.lake_bucket, segment, arguments.attempt)
    return batch


def require_in_flight(lake_bucket: str, batch_id: str, attempt: int) -> Claim:
    """Return the document of the batch in flight.

    Raises:
        SupersededError: the batch in flight is another one, or another attempt.
        MisconfiguredError: the document is damaged or has an unknown format.
    """
    body = read_bytes(lake_bucket, CLAIM)
    if body is None:
        raise SupersededError(f"batch {batch_id} attempt {attempt} is not in flight: no batch is")
    active = _parse(body)
    if (active.batch_id, active.attempt) != (batch_id, attempt):
        raise SupersededError(
            f"batch {batch_id} attempt {attempt} is not in flight: batch {active.batch_id} attempt {active.attempt} is"
        )
    return active


def _parse(body: bytes) -> Claim:
    try:
        return Claim.from_json(body)
    except FormatError as error:
        raise MisconfiguredError(f"{error} Run `pomona repair`.") from error


def read_batch(lake_bucket: str, images_bucket: str, active: Claim) -> Batch:
    """Read the segments of the batch in flight, several at a time."""
    names = active.names
    with ThreadPoolExecutor(SEGMENTS_AT_ONCE) as pool:
        bodies = list(pool.map(partial(read_bytes, lake_bucket), names))
    found = {name: body for name, body in zip(names, bodies, strict=True) if body is not None}
    contents = {name: read_segment(body, images_bucket) for name, body in found.items()}
    return Batch(
        keys=list(dict.fromkeys(key for content in contents.values() for key in content.keys)),
        asks_for_maintenance=any(requests_maintenance(name) for name in names),
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
    write_bytes(lake_bucket, failed_batch_folder(segment.batch_id) + file_name(segment.name), segment.body)
    failed_at = datetime.now(UTC).isoformat()
    failed = FailedBatch(segment.batch_id, attempt, segment.reason, failed_at, segment.keys, segments=1)
    write_json(lake_bucket, failed_batch_document(segment.batch_id), failed.document())
    log.warning("the segment %s was set aside: %s", segment.name, segment.reason)
