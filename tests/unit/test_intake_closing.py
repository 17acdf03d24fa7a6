"""Only the caller that closes an attempt reports its run: what counts runs counts each once."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM
from pomona_intake.errors import PreconditionFailedError
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import Phase, RunState
from pomona_intake.s3.lake import Lake
from tests.model.aws import S3
from tests.model.world import settings

SEGMENT = "queue/pending/20261121T080000000Z-000001-r-0.jsonl"
SUCCEEDED = RunState(Phase.SUCCEEDED, "it succeeded", "00run", state="SUCCESS", was_running=True)
FAILED = RunState(Phase.FAILED, "it broke", "00run", state="FAILED", was_running=True)


class LosingLake(Lake):
    """A lake in which another caller is always first."""

    def replace(self, name: str, body: bytes, etag: str) -> str:
        raise PreconditionFailedError(name)

    def delete(self, name: str, etag: str) -> None:
        raise PreconditionFailedError(name)


def reported(ended: RunState, failures: int = 0, lake_class: type[Lake] = Lake) -> list[Activity]:
    """Let a queue whose batch in flight has this ended run advance, and return what it reported."""
    s3, told = S3(), []
    segments = (ClaimedSegment(SEGMENT, 1),)
    claim = Claim("b", 1, "2026-11-21T08:00:00Z", segments, "app-1", {"name": "featurize-b-1"}, "00run", failures)
    s3.objects = {CLAIM: claim.to_json(), SEGMENT: b""}
    lake = lake_class(s3, "lake")
    failed = FailedBatches(lake, SegmentWriter(lake, told.append))
    pauses = FailurePauseStore(lake, timedelta(hours=1), lambda _: None)
    emr = SimpleNamespace(state=lambda *_: ended)
    clock = lambda: datetime(2026, 11, 21, 9, tzinfo=UTC)  # noqa: E731
    Queue(lake, emr, failed, pauses, settings(), told.append, clock).advance()
    return told


@pytest.mark.parametrize(
    ("ended", "failures", "done"), [(SUCCEEDED, 0, "settled"), (FAILED, 0, "attempted again"), (FAILED, 1, "failed")]
)
def test_who_closes_an_attempt_reports_its_run_with_it(ended: RunState, failures: int, done: str) -> None:
    closed = [(one.done, one.batch_id, one.attempt) for one in reported(ended, failures) if one.closed_run]

    assert [(name, batch) for name, batch, _ in closed] == [(done, "b")]


@pytest.mark.parametrize("ended", [SUCCEEDED, FAILED])
def test_who_loses_the_race_to_close_it_reports_no_run(ended: RunState) -> None:
    told = reported(ended, lake_class=LosingLake)

    assert "lost a race" in [one.done for one in told]
    assert not [one for one in told if one.closed_run]
