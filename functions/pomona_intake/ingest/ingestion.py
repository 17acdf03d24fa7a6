"""From one batch of SQS messages to one segment: only when that is written may the messages leave the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pomona_intake.ingest.events import dirty_keys, distinct, of_bucket
from pomona_intake.ingest.selection import Selection
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.queue.segments import DirtyKey
from pomona_intake.times import iso


@dataclass(frozen=True)
class Ingested:
    """What a batch of messages came to, and Lambda's answer to SQS."""

    keys: int
    ignored: int  # keys that are none of an image, by the deployment's prefixes and suffixes
    segments: int
    refusals: list[str]  # why each message that is no S3 event of the images bucket was refused
    response: PartialItemFailureResponse


def ingest(
    event: Mapping[str, Any],
    writer: SegmentWriter,
    bucket: str,
    selection: Selection,
    request_id: str,
    seen_at: datetime,
) -> Ingested:
    """Write the images' keys of a batch into a segment.

    The answer names the messages that are no S3 events, and those of another bucket than `bucket`.

    Raises:
        TransientError, LostRaceError: the segment was not written; the whole batch must be delivered again.
    """

    def fold(record: SQSRecord) -> list[DirtyKey]:
        return of_bucket(dirty_keys(record.body, iso(seen_at)), bucket)

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event["Records"], handler=fold):
        results = processor.process()
    named = distinct(key for status, folded, _ in results if status == "success" for key in folded)
    keys = [key for key in named if selection.takes(key.key)]
    refusals = [str(reason) for status, reason, _ in results if status == "fail"]
    segments = writer.write(keys, request_id)
    return Ingested(len(keys), len(named) - len(keys), len(segments), refusals, processor.response())
