"""Custom::Notification: send the bucket's events to the queue, and keep the notifications of others."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pomona_contract.errors import TerminalError
from pomona_intake.errors import ignore_missing
from pomona_intake.image_selection import ImageSelection
from pomona_provisioning.custom_resources import NOTHING_MADE, Request, Resource

EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
_KINDS = ("QueueConfigurations", "TopicConfigurations", "LambdaFunctionConfigurations")
_MAX_NOTIFICATIONS = 100  # of one bucket
_ATTEMPTS = 12  # a queue's new policy takes up to a minute to take effect
_PAUSE_SECONDS = 10


class OverlapError(TerminalError):
    """Another notification already has these events: S3 sends an event to one receiver only."""


def provide(s3: Any, request: Request) -> Resource:  # noqa: ANN401
    """Put the stack's notification on the bucket; on Delete, remove exactly that."""
    properties, physical_id = request["ResourceProperties"], _identity(request)
    bucket = properties["BucketName"]
    if request["RequestType"] == "Delete":
        if request["PhysicalResourceId"] != NOTHING_MADE:
            _remove(s3, bucket, request["PhysicalResourceId"])
        return Resource(request["PhysicalResourceId"])
    selection = ImageSelection.parse(properties["Prefixes"], properties["Suffixes"])
    ours = configurations(physical_id, properties["QueueArn"], selection)
    merged = merge(bucket, _read(s3, bucket), physical_id, ours)
    _write(s3, bucket, merged)
    return Resource(physical_id)


def configurations(owner: str, queue_arn: str, selection: ImageSelection) -> list[dict[str, Any]]:
    """Return one queue configuration for each prefix and suffix."""
    return [
        {"Id": f"{owner}-{number}", "QueueArn": queue_arn, "Events": list(EVENTS), **_filter(prefix, suffix)}
        for number, (prefix, suffix) in enumerate(selection.pairs())
    ]


def merge(bucket: str, present: Mapping[str, Any], owner: str, ours: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bucket's configuration with the owner's old configurations replaced by the new ones.

    Raises:
        OverlapError: S3 would refuse it; the text names the notification that overlaps.
    """
    others = without(present, owner)
    for theirs in (one for kind in _KINDS for one in others.get(kind, ())):
        for mine in ours:
            if _overlap(mine, theirs):
                raise OverlapError(_describe_overlap(bucket, mine, theirs))
    if sum(len(others.get(kind, ())) for kind in _KINDS) + len(ours) > _MAX_NOTIFICATIONS:
        raise OverlapError(
            f"a bucket takes {_MAX_NOTIFICATIONS} notifications: name fewer ImagesPrefixes or ImagesSuffixes"
        )
    return {**others, "QueueConfigurations": [*others.get("QueueConfigurations", ()), *ours]}


def without(present: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return the bucket's configuration without the owner's configurations."""
    queues = [one for one in present.get("QueueConfigurations", ()) if not one["Id"].startswith(f"{owner}-")]
    return {**present, "QueueConfigurations": queues}


def _identity(request: Request) -> str:
    """Return an id of the stack; a stack of the same name in another Region has another id."""
    stack = request["StackId"]
    return f"pomona-{stack.split('/')[1]}-{hashlib.sha256(stack.encode()).hexdigest()[:12]}"


def _filter(prefix: str, suffix: str) -> dict[str, Any]:
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    return {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}


def _rule(configuration: Mapping[str, Any], name: str) -> str:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return next((str(rule["Value"]) for rule in rules if rule["Name"].lower() == name), "")


def _overlap(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    prefixes, suffixes = ((_rule(mine, name), _rule(theirs, name)) for name in ("prefix", "suffix"))
    return (
        (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0]))
        and (suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0]))
        and bool(_families(mine) & _families(theirs))
    )


def _families(configuration: Mapping[str, Any]) -> set[str]:
    """Return the kinds of events, s3:ObjectCreated:Put as s3:ObjectCreated: the stack's have all of a kind."""
    return {":".join(event.split(":")[:2]) for event in configuration["Events"]}


def _describe_overlap(bucket: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    receiver = next(value for key, value in theirs.items() if key.endswith("Arn"))
    shared = ", ".join(sorted(_families(mine) & _families(theirs)))
    return (
        f"the bucket {bucket} already tells {receiver} of {shared} under prefix {_rule(theirs, 'prefix')!r} and suffix "
        f"{_rule(theirs, 'suffix')!r} (notification {theirs.get('Id', 'without a name')}), and S3 tells an event once: "
        "name ImagesPrefixes and ImagesSuffixes that do not overlap with these, or change that notification"
    )


def _read(s3: Any, bucket: str) -> dict[str, Any]:  # noqa: ANN401
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _write(s3: Any, bucket: str, configuration: dict[str, Any]) -> None:  # noqa: ANN401
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
        except ClientError as error:
            if "Unable to validate" not in str(error) or attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _remove(s3: Any, bucket: str, owner: str) -> None:  # noqa: ANN401
    with ignore_missing("NoSuchBucket"):
        present = _read(s3, bucket)
        others = without(present, owner)
        if others != present:
            _write(s3, bucket, others)
