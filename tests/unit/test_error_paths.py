"""What AWS refuses, and what lies where it should not: each is told, and none of it stops what goes on without it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient, EndedPage
from pomona_intake.s3.lake import Lake
from pomona_provisioning import bucket_notifications
from tests.model.aws import S3, client_error
from tests.model.world import settings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
REQUEST = {
    "RequestType": "Create",
    "StackId": "arn:aws:cloudformation:eu-west-3:123456789012:stack/pomona/1",
    "LogicalResourceId": "Notification",
    "ResourceProperties": {
        "BucketName": "images",
        "QueueArn": "arn:aws:sqs:eu-west-3:1:q",
        "Prefixes": "",
        "Suffixes": "",
    },
}


class Refusing:
    """EMR Serverless that answers every call with this error."""

    def __init__(self, code: str) -> None:
        self._code = code

    def _refuse(self, **_: Any) -> None:
        raise client_error(self._code, 400, "AnyCall")

    list_job_runs = get_job_run = _refuse

    def get_paginator(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=self._refuse)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_an_application_that_is_gone_has_no_runs(code: str) -> None:
    emr = EmrClient(Refusing(code))

    assert emr.find("app-1", "featurize-b-1", NOW) is None
    assert emr.named("app-1", "refit-", NOW) == []
    assert emr.ended("app-1", NOW) == EndedPage({}, None)


@pytest.mark.parametrize(
    "ask",
    [
        lambda emr: emr.find("app-1", "featurize-b-1", NOW),
        lambda emr: emr.named("app-1", "refit-", NOW),
        lambda emr: emr.ended("app-1", NOW),
        lambda emr: emr.state("app-1", "00run"),
    ],
    ids=["find", "named", "ended", "state"],
)
def test_a_permission_that_is_missing_is_not_taken_for_a_run_that_is_gone(ask: Any) -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ask(EmrClient(Refusing("AccessDeniedException")))


def test_an_object_that_is_no_segment_is_told_and_left_where_it_is() -> None:
    # Given a file that somebody has put among the segments
    s3, told = S3(), list[Activity]()
    s3.objects = {"queue/pending/notes.txt": b"do not touch"}
    lake = Lake(s3, "lake")
    failed = FailedBatches(lake, SegmentWriter(lake, told.append))
    pauses = FailurePauseStore(lake, timedelta(hours=1), lambda _: None)

    Queue(lake, SimpleNamespace(), failed, pauses, settings(), told.append, lambda: NOW).advance()

    assert [(one.done, one.details) for one in told] == [("ignored", "queue/pending/notes.txt is not a segment")]
    assert s3.objects == {"queue/pending/notes.txt": b"do not touch"}


class Bucket:
    """The notifications of a bucket; S3 refuses the first writes, as it does until a queue's policy takes effect."""

    def __init__(self, refusals: int, reason: str) -> None:
        self.refusals, self.reason, self.written = refusals, reason, list[Any]()

    def get_bucket_notification_configuration(self, Bucket: str) -> dict[str, Any]:
        return {}

    def put_bucket_notification_configuration(self, Bucket: str, NotificationConfiguration: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise client_error(self.reason, 400, "PutBucketNotificationConfiguration")
        self.written.append(NotificationConfiguration)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause, which the test does not wait for."""
    paused: list[float] = []
    monkeypatch.setattr(bucket_notifications.time, "sleep", paused.append)
    return paused


def test_a_queue_whose_policy_takes_effect_late_is_waited_for(pauses: list[float]) -> None:
    bucket = Bucket(2, "Unable to validate the following destination configurations")

    bucket_notifications.provide(bucket, REQUEST)

    assert [len(one["QueueConfigurations"]) for one in bucket.written] == [1]
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("reason", "waits"), [("AccessDenied", 0), ("Unable to validate the following destination configurations", 11)]
)
def test_what_does_not_pass_ends_the_deployment_with_s3s_words(pauses: list[float], reason: str, waits: int) -> None:
    with pytest.raises(ClientError, match=reason):
        bucket_notifications.provide(Bucket(1000, reason), REQUEST)
    assert len(pauses) == waits
