"""Turn S3's notifications into dirty keys. An event is a hint: only the key is taken from it.

Read are the forms that AWS documents: the records of a notification ("Event message structure"), the events of
EventBridge ("EventBridge event message structure"), either of them as the text of an SNS notification ("HTTP/HTTPS
notification JSON format", which SQS receives too unless raw delivery is on), and the test event.
"""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from pomona_contract.image_keys import is_possible_key
from pomona_contract.segment_lines import DirtyKey
from pomona_intake.errors import ForeignBucketError, NotAnS3EventError

_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
_MAX_WRAPPINGS = 4  # one is usual; each topic that forwards to another topic adds one


def dirty_keys(message: str, seen_at: str) -> list[DirtyKey]:
    """Return the keys that one message names, whatever happened to them; none for S3's test event.

    Keys of events about tags, access tiers or replicas are returned too: the run requests the object with its row's
    etag, and S3 answers 304.

    Args:
        message: body of a message, as S3 or EventBridge writes it to SQS, or as SNS forwards it.
        seen_at: ISO 8601, UTC.

    Raises:
        NotAnS3EventError: the message is anything else.
    """
    try:
        return [DirtyKey(bucket, key, seen_at) for bucket, key in _objects(_unwrap(message))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAnS3EventError(f"not an S3 event ({type(error).__name__}: {error}): {message[:200]}") from error


def of_bucket(keys: Iterable[DirtyKey], bucket: str) -> list[DirtyKey]:
    """Return the keys.

    Raises:
        ForeignBucketError: a key is of another bucket; the text names both.
    """
    checked = list(keys)
    for key in checked:
        if key.bucket != bucket:
            raise ForeignBucketError(
                f"an event of the bucket {key.bucket} (key {key.key!a}): only those of {bucket} are taken in; "
                f"remove the notification of {key.bucket} that points to this queue"
            )
    return checked


def distinct(keys: Iterable[DirtyKey]) -> list[DirtyKey]:
    """Return each key once, in the order of first appearance."""
    first: dict[tuple[str, str], DirtyKey] = {}
    for key in keys:
        first.setdefault((key.bucket, key.key), key)
    return list(first.values())


def _unwrap(message: str) -> dict[str, Any]:
    """Return the event in a message, without the SNS notifications around it."""
    event: dict[str, Any] = json.loads(message)
    for _ in range(_MAX_WRAPPINGS + 1):
        if event.get("Type") != "Notification":
            return event
        event = json.loads(event["Message"])
    raise ValueError(f"it is wrapped more than {_MAX_WRAPPINGS} times")


def _objects(event: dict[str, Any]) -> list[tuple[str, str]]:
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("Type") in _CONFIRMATIONS:
        raise ValueError(f"the topic {event['TopicArn']} asks to confirm its subscription: open the SubscribeURL")
    if event.get("source") == "aws.s3":
        return [_object_of_bridge_event(event["detail"])]
    return [_object_of_record(record) for record in event["Records"]]


def _object_of_record(record: dict[str, Any]) -> tuple[str, str]:
    if record["eventSource"] != "aws:s3":
        raise ValueError(f"its source is {record['eventSource']}")
    # S3 form-encodes keys in its own notifications, and only there.
    return _checked(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"], errors="strict"))


def _object_of_bridge_event(detail: dict[str, Any]) -> tuple[str, str]:
    return _checked(detail["bucket"]["name"], detail["object"]["key"])


def _checked(bucket: str, key: str) -> tuple[str, str]:
    if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
        raise ValueError("it names no object")
    if not is_possible_key(key):
        raise ValueError("S3 cannot have an object of its key")
    return bucket, key
