"""The line: two different batches that fail in a row pause it; what it remembers is only a hint."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import FAILURE_PAUSE
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.s3.lake import Lake

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def lake() -> Iterator[Lake]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        yield Lake(s3, "lake")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def line(lake: Lake, warnings: list[str]) -> FailurePauseStore:
    return FailurePauseStore(lake, HOUR, warnings.append)


def test_one_batch_that_fails_again_and_again_pauses_nothing(line: FailurePauseStore) -> None:
    for _ in range(3):
        assert not line.record_failure("a", "no memory", NOW).is_paused(NOW)


def test_a_second_batch_that_fails_pauses_the_line_for_a_while(line: FailurePauseStore) -> None:
    line.record_failure("a", "no memory", NOW)
    line.record_failure("b", "Glue says no", NOW)

    paused = line.read()
    assert paused == FailurePause(("a", "b"), "2026-11-21T09:00:00.000Z", "Glue says no")
    assert paused.is_paused(NOW + HOUR * 0.99)
    assert not paused.is_paused(NOW + HOUR)


def test_after_a_success_the_next_failure_is_the_first_again(line: FailurePauseStore) -> None:
    line.record_failure("a", "no memory", NOW)
    line.clear()

    assert not line.record_failure("b", "no memory", NOW).is_paused(NOW)


def test_a_line_without_failures_need_not_be_there_to_be_cleared(line: FailurePauseStore) -> None:
    line.clear()
    assert line.read() == FailurePause()


GOOD = {"format": 1, "failed": ["a", "b"], "paused_until": "2999-01-01T00:00:00Z", "reason": "r"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"format": 9}', b'{"format": 1}', json.dumps(GOOD | {"paused_until": "x"}).encode()]
)
def test_a_document_that_cannot_be_read_stops_nothing_and_is_told(
    lake: Lake, line: FailurePauseStore, warnings: list[str], body: bytes
) -> None:
    lake.write(FAILURE_PAUSE, body)

    assert line.read() == FailurePause()
    assert warnings[0].startswith("queue/line.json ")
    line.record_failure("a", "no memory", NOW)
    assert line.read().failed == ("a",)
