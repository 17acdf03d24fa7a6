"""Folding of S3's notifications into dirty keys: nothing in an event is believed but which key to look at.

The forms that are read are those of AWS's documents: the records of a notification ("Event message structure"), the
events of EventBridge ("EventBridge event message structure"), either of them as the text in an SNS notification ("HTTP/
HTTPS notification JSON format", which SQS gets too, unless raw delivery is on), and the test event.
"""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from pomona_intake.errors import ForeignBucketError, NotAnS3EventError
from pomona_intake.queue.segments import DirtyKey

_LONGEST_KEY_BYTES = 1024
_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
_MOST_WRAPPINGS = 4  # one is usual; another with each topic's message that somebody passes on


def dirty_keys(message: str, seen_at: str) -> list[DirtyKey]:
    """The keys that one message names, whatever happened to them; none for S3's test event.

    A tag, an access tier or a replica is no reason to leave a key out: the run asks for it with its row's etag, and S3
    answers 304.

    Args:
        message: body of a message, as S3 or EventBridge writes it to SQS, or as SNS passes it on.
        seen_at: ISO 8601, UTC.

    Raises:
        NotAnS3EventError: the message is anything else.
    """
    try:
        return [DirtyKey(bucket, key, seen_at) for bucket, key in _objects(_unwrapped(message))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAnS3EventError(f"not an S3 event ({type(error).__name__}: {error}): {message[:200]}") from error


def of_bucket(keys: Iterable[DirtyKey], bucket: str) -> list[DirtyKey]:
    """Return the keys; ForeignBucketError, which names key and bucket, if one is not of this bucket."""
    told = list(keys)
    for key in told:
        if key.bucket != bucket:
            raise ForeignBucketError(
                f"an event of the bucket {key.bucket} (key {key.key!a}): only those of {bucket} are taken in; "
                f"remove the notification of {key.bucket} that points to this queue"
            )
    return told


def distinct(keys: Iterable[DirtyKey]) -> list[DirtyKey]:
    """The keys without repetitions, in the order of their first appearance."""
    first: dict[tuple[str, str], DirtyKey] = {}
    for key in keys:
        first.setdefault((key.bucket, key.key), key)
    return list(first.values())


def _unwrapped(message: str) -> dict[str, Any]:
    """The event in a message, taken out of SNS's notifications."""
    event: dict[str, Any] = json.loads(message)
    for _ in range(_MOST_WRAPPINGS + 1):
        if event.get("Type") != "Notification":
            return event
        event = json.loads(event["Message"])
    raise ValueError(f"it is wrapped more than {_MOST_WRAPPINGS} times")


def _objects(event: dict[str, Any]) -> list[tuple[str, str]]:
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("Type") in _CONFIRMATIONS:
        raise ValueError(f"the topic {event['TopicArn']} asks to confirm its subscription: open the SubscribeURL")
    if event.get("source") == "aws.s3":
        return [_bridged(event["detail"])]
    return [_notified(record) for record in event["Records"]]


def _notified(record: dict[str, Any]) -> tuple[str, str]:
    if record["eventSource"] != "aws:s3":
        raise ValueError(f"its source is {record['eventSource']}")
    # S3 form-encodes keys in its own notifications, and only there.
    return _checked(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"], errors="strict"))


def _bridged(detail: dict[str, Any]) -> tuple[str, str]:
    return _checked(detail["bucket"]["name"], detail["object"]["key"])


def _checked(bucket: str, key: str) -> tuple[str, str]:
    if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
        raise ValueError("it names no object")
    if len(key.encode()) > _LONGEST_KEY_BYTES:  # an encoding error is a ValueError too
        raise ValueError("its key is longer than S3's can be")
    return bucket, key
