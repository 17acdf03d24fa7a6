"""Setting an unreadable claim aside: only an unreadable one, whatever happened while the operator was asked."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM
from pomona_intake.queue.claim_repair import problem_of_the_claim, set_claim_aside
from pomona_intake.s3.lake import Lake

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
BATCH = Claim("batch", 1, "2026-11-21T08:00:00.000Z", (ClaimedSegment("s", 1),), "app", {"name": "n"}, "run")


@pytest.fixture
def lake() -> Iterator[Lake]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        yield Lake(s3, "lake")


def test_an_unreadable_claim_is_kept_aside(lake: Lake) -> None:
    lake.write(CLAIM, b"garbage")

    name = set_claim_aside(lake, NOW)

    assert lake.read(CLAIM) is None
    assert lake.read(name).body == b"garbage"


def test_a_batch_that_came_in_flight_while_the_operator_was_asked_stays_there(lake: Lake) -> None:
    # Given an operator who was told of an unreadable claim, and another who has repaired it since
    lake.write(CLAIM, b"garbage")
    assert problem_of_the_claim(lake)
    lake.write(CLAIM, BATCH.to_json())
    # When the first one says yes, then the new batch is left alone
    assert set_claim_aside(lake, NOW) == ""
    assert lake.read(CLAIM).body == BATCH.to_json()


def test_where_nothing_is_in_flight_there_is_nothing_to_set_aside(lake: Lake) -> None:
    assert problem_of_the_claim(lake) == set_claim_aside(lake, NOW) == ""
