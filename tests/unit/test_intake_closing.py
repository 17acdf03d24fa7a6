"""Only the caller that closes an attempt reports its run: what counts runs counts each once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import CLAIM
from pomona_contract.lanes import Lane
from pomona_contract.times import iso
from pomona_intake.errors import PreconditionFailedError, TransientError
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from tests.model.aws import S3
from tests.model.world import settings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SEGMENT = "queue/pending/20261121T080000000Z-000001-r-0.jsonl"
SUCCEEDED = RunState(Phase.SUCCEEDED, "it succeeded", "00run", state="SUCCESS", was_running=True)
FAILED = RunState(Phase.FAILED, "it broke", "00run", state="FAILED", was_running=True)


NEVER_RAN = RunState(Phase.FAILED, "there was no capacity", "00run", state="FAILED")


class LosingLake(Lake):
    """A lake in which another caller is always first."""

    def replace(self, name: str, body: bytes, etag: str) -> str:
        raise PreconditionFailedError(name)

    def delete(self, name: str, etag: str) -> None:
        raise PreconditionFailedError(name)


class SilentLake(Lake):
    """A lake that does not answer when segments are to be deleted."""

    def delete_all(self, names: Sequence[str]) -> None:
        if SEGMENT in names:
            raise TransientError("no answer")
        super().delete_all(names)


class Closing:
    """A queue whose batch in flight has this ended run, what it reports, and what is in its lake."""

    def __init__(
        self,
        ended: RunState,
        failures: int = 0,
        lake_class: type[Lake] = Lake,
        lane: Lane = Lane.CLUSTER,
        **changed: str,
    ) -> None:
        self.s3, self.told = S3(), list[Activity]()
        segments = (ClaimedSegment(SEGMENT, 1),)
        parameters = {"name": "featurize-b-1"}
        claim = Claim("b", 1, "2026-11-21T08:00:00Z", segments, "app-1", parameters, "00run", failures, lane=lane)
        self.s3.objects = {CLAIM: claim.to_json(), SEGMENT: b""}
        lake = lake_class(self.s3, "lake")
        failed = FailedBatches(lake, SegmentWriter(lake, self.told.append))
        self.settings = settings(**changed)
        self.pauses = FailurePauseStore(lake, self.settings.retry_after, lambda _: None)
        self.started = list[str]()
        self.ended = ended
        emr = SimpleNamespace(state=lambda *_: self.ended, start=self._start)
        runs = {Lane.CLUSTER: emr, Lane.EXPRESS: emr}
        parts = (lake, runs, failed, self.pauses, self.settings, self.told.append)
        self.queue = Queue(*parts, clock=lambda: NOW, chance=lambda: 0.0)

    def _start(self, parameters: dict[str, Any], token: str) -> str:
        self.started.append(parameters["name"])
        return "00next"

    def claim(self) -> Claim:
        return Claim.from_json(self.s3.objects[CLAIM])


def reported(ended: RunState, failures: int = 0, lake_class: type[Lake] = Lake) -> list[Activity]:
    closing = Closing(ended, failures, lake_class)
    closing.queue.advance()
    return closing.told


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


def test_a_claim_is_deleted_after_its_segments() -> None:
    # Given a call that ends between the two
    closing = Closing(SUCCEEDED, lake_class=SilentLake)
    with pytest.raises(TransientError):
        closing.queue.advance()

    # Then the next call still knows that this batch has run: without the claim its segments would run again
    assert closing.claim().run_id == "00run"


@pytest.mark.parametrize(("minutes", "started", "run"), [("0", ["featurize-b-2"], "00next"), ("60", [], None)])
def test_the_next_attempt_starts_at_once_if_it_need_not_wait(minutes: str, started: list[str], run: str | None) -> None:
    # Given a batch whose first of three attempts has failed
    closing = Closing(FAILED, MAX_ATTEMPTS="3", RETRY_AFTER_MINUTES=minutes)

    closing.queue.advance()

    # Then the same call starts the second, or leaves it to a later one
    assert closing.started == started
    assert (closing.claim().attempt, closing.claim().run_id) == (2, run)


@pytest.mark.parametrize(("failed_before", "waits_for_the_pause"), [(None, False), ("b", False), ("a", True)])
def test_while_the_queue_is_paused_the_batch_in_flight_waits_too(
    failed_before: str | None, waits_for_the_pause: bool
) -> None:
    # Given a batch whose first of three attempts has failed, after another batch, itself or none had failed
    closing = Closing(FAILED, MAX_ATTEMPTS="3", RETRY_AFTER_MINUTES="60")
    if failed_before:
        closing.pauses.record_failure(failed_before, "no memory", NOW)

    closing.queue.advance()

    not_before = closing.claim().not_before
    assert not_before is not None
    assert (not_before >= iso(NOW + closing.settings.retry_after)) is waits_for_the_pause


def test_a_success_of_the_express_lane_does_not_say_that_the_cluster_works_again() -> None:
    closing = Closing(SUCCEEDED, lane=Lane.EXPRESS)
    for batch in ("x", "y"):
        closing.pauses.record_failure(batch, "no memory", NOW)
    closing.queue.advance()

    assert closing.pauses.read().is_paused(NOW)


def test_a_success_and_an_operator_end_the_pause_of_the_queue() -> None:
    for end in (lambda closing: closing.queue.advance(), lambda closing: closing.queue.resume()):
        # Given a queue that two failures have paused
        closing = Closing(SUCCEEDED)
        for batch in ("x", "y"):
            closing.pauses.record_failure(batch, "no memory", NOW)
        assert closing.pauses.read().is_paused(NOW)

        end(closing)

        # Then nothing is left of them: the next failure is the first again
        assert closing.pauses.read() == FailurePause()


@pytest.mark.parametrize(
    ("ended", "failures", "lane", "careful"),
    [
        (FAILED, 0, Lane.CLUSTER, True),
        (FAILED, 0, Lane.EXPRESS, True),
        (NEVER_RAN, 0, Lane.CLUSTER, False),
        (NEVER_RAN, 0, Lane.EXPRESS, False),
        (NEVER_RAN, 1, Lane.CLUSTER, True),
    ],
    ids=[
        "failed",
        "failed on the express lane",
        "never ran",
        "never ran on the express lane",
        "never ran, after one that failed",
    ],
)
def test_only_after_a_run_that_has_failed_each_image_is_suspected(
    ended: RunState, failures: int, lane: Lane, careful: bool
) -> None:
    # Given a batch whose run has ended like this
    closing = Closing(ended, failures, lane=lane)
    # When the next attempt is made
    closing.queue.advance()
    # Then it is careful only if a run of the batch has failed
    claim = Claim.from_json(closing.s3.objects[CLAIM])
    arguments = claim.parameters["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    assert (claim.attempt, claim.careful, "--careful" in arguments) == (2, careful, careful)


def test_a_batch_stays_suspected_although_its_next_run_never_ran() -> None:
    # Given a batch that has failed on the express lane, which costs no attempt
    closing = Closing(FAILED, lane=Lane.EXPRESS)
    closing.queue.advance()
    # When the cluster has no room for the next attempt
    closing.ended = NEVER_RAN
    closing.queue.advance()
    # Then the attempt after that is careful too
    claim = Claim.from_json(closing.s3.objects[CLAIM])
    assert (claim.attempt, claim.failures, claim.careful) == (3, 0, True)
