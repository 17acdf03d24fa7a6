"""Turn one batch of SQS messages into one segment. The messages leave the queue only after it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pomona_contract.segment_lines import DirtyKey
from pomona_contract.times import iso
from pomona_intake.image_selection import ImageSelection
from pomona_intake.ingest.events import dirty_keys, distinct, of_bucket
from pomona_intake.queue.segment_writer import SegmentWriter


@dataclass(frozen=True)
class Ingested:
    """What became of a batch of messages, and the function's answer to Lambda."""

    keys: int
    ignored: int  # keys that are not of images, by the deployment's prefixes, suffixes and ignored names
    segments: int
    refusals: list[str]  # why each message that is not an S3 event of the images bucket was refused
    response: PartialItemFailureResponse


def ingest(
    event: Mapping[str, Any],
    writer: SegmentWriter,
    bucket: str,
    selection: ImageSelection,
    request_id: str,
    seen_at: datetime,
) -> Ingested:
    """Write the keys of a batch that are images into a segment.

    The answer names the messages that are not S3 events, and those of another bucket than `bucket`.

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
