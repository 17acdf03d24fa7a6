"""Folding of S3's notifications into dirty keys: nothing in an event is believed but which key to look at."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from intake.errors import ForeignBucketError, NotAnS3EventError
from intake.segments import DirtyKey

_LONGEST_KEY_BYTES = 1024


def dirty_keys(message: str, seen_at: str) -> list[DirtyKey]:
    """The keys that one message names, whatever happened to them; none for S3's test event.

    Args:
        message: body of a message, as S3 writes it to SQS or as EventBridge passes it on.
        seen_at: ISO 8601, UTC.

    Raises:
        NotAnS3EventError: the message is anything else.
    """
    try:
        return [DirtyKey(bucket, key, seen_at) for bucket, key in _objects(json.loads(message))]
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


def _objects(event: dict[str, Any]) -> list[tuple[str, str]]:
    if event.get("Event") == "s3:TestEvent":
        return []
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
