"""Turn one batch of SQS messages into one segment. The messages leave the queue only after it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from pomona_contract.segment_lines import DirtyKey
from pomona_contract.times import iso
from pomona_intake.image_selection import ImageSelection
from pomona_intake.ingest.events import dirty_keys, distinct, of_bucket
from pomona_intake.queue.segment_writer import SegmentWriter


class FailedMessage(TypedDict):
    """A message that SQS keeps and delivers again."""

    itemIdentifier: str


class Answer(TypedDict):
    """What Lambda is told of a batch of messages: those that are not named leave the queue.

    Source: the developer guide of Lambda, "Handling errors for an SQS event source", on ReportBatchItemFailures.
    Powertools has a class for it, which imports asyncio and much else: that would lengthen a cold start.
    """

    batchItemFailures: list[FailedMessage]


@dataclass(frozen=True)
class Ingested:
    """What became of a batch of messages, and the function's answer to Lambda."""

    keys: int
    ignored: int  # keys that are not of images, by the deployment's prefixes, suffixes and ignored names
    segments: int
    refusals: list[str]  # why each message that is not an S3 event of the images bucket was refused
    answer: Answer


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

    found: list[DirtyKey] = []
    refusals: list[str] = []
    failed: list[FailedMessage] = []
    for record in event["Records"]:
        try:
            found += of_bucket(dirty_keys(record["body"], iso(seen_at)), bucket)
        except Exception as error:  # whatever a message holds, it holds up no other
            refusals.append(str(error))
            failed.append({"itemIdentifier": record["messageId"]})
    named = distinct(found)
    keys = [key for key in named if selection.takes(key.key)]
    segments = writer.write(keys, request_id)
    return Ingested(len(keys), len(named) - len(keys), len(segments), refusals, {"batchItemFailures": failed})
