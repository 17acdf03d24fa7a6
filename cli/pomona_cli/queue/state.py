"""What waits in the queue and what has failed, read from the queue's documents."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from pomona_cli.stack.stack import Stack
from pomona_contract.documents.claim import Claim
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.lake_layout import PENDING_SEGMENTS
from pomona_contract.segments import Segment, parse_segment_name

_READS_AT_ONCE = 8
# visible, in flight to ingest, delayed
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class PendingKeys:
    """Segments that no run has claimed."""

    segments: int
    keys: int
    oldest_at: datetime | None


def waiting_events(stack: Stack) -> int | None:
    """Return the approximate number of bucket events in SQS; None without the output or the permission for it."""
    return _messages(stack, "EventQueueUrl")


def dead_letters(stack: Stack) -> int | None:
    """Return about how many messages `ingest` did not accept; None without the output or the permission for it."""
    return _messages(stack, "DeadLetterQueueUrl")


def _messages(stack: Stack, output: str) -> int | None:
    url = stack.outputs.get(output)
    if url is None:
        return None
    try:
        answer = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))
    except (ClientError, BotoCoreError):
        return None
    return sum(int(answer["Attributes"].get(name, 0)) for name in _COUNTS)


def pending_keys(stack: Stack, claim: Claim | None) -> PendingKeys:
    """Return the segments that no run has claimed yet."""
    claimed = set(claim.names) if claim else set()
    waiting = [segment for segment in _segments(stack) if segment.name not in claimed]
    oldest = min((segment.written_at for segment in waiting), default=None)
    return PendingKeys(len(waiting), sum(segment.keys for segment in waiting), oldest)


def _segments(stack: Stack) -> Iterator[Segment]:
    return (segment for name in stack.lake.names(PENDING_SEGMENTS) if (segment := parse_segment_name(name)))


def failed_batches(stack: Stack, ids: list[str]) -> list[FailedBatch]:
    """Return the failed batches with these ids; one that is gone meanwhile is left out."""
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [batch for batch in pool.map(stack.failed.read, ids) if batch]
