"""A run in flight: how far it is, and what it has cost so far."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pomona_cli.runs.cost_so_far import cost_so_far
from pomona_cli.runs.run import Run
from pomona_cli.status.in_flight import InFlight, find_in_flight
from pomona_cli.status.refit_state import refit_in_flight
from pomona_contract.documents.claim import Claim
from pomona_contract.documents.run_progress import RunProgress
from pomona_contract.lake_layout import RUN_PROGRESS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = Claim("b", 1, "2026-11-20T11:00:00.000Z", (), "app", {"name": "x"}, "run")
WORKER_HOUR = 2 * 0.052624 + 8 * 0.0057785
PROGRESS = RunProgress(batch_id="b", attempt=1, keys=5000, done=1250, workers=4, at="2026-11-20T12:00:00+00:00")


def found(run: dict[str, Any], progress: bytes | None = None, region: str = "eu-west-3") -> InFlight:
    emr = SimpleNamespace(get_job_run=lambda **_: {"jobRun": {"createdAt": NOON, **run}})
    stored = SimpleNamespace(body=progress) if progress is not None else None
    lake = SimpleNamespace(read=lambda key: stored if key == RUN_PROGRESS else None)
    stack: Any = SimpleNamespace(client=lambda _: emr, lake=lake, location=SimpleNamespace(region=region))
    in_flight = find_in_flight(stack, CLAIM)
    assert in_flight is not None
    return in_flight


def test_an_hour_of_workers_costs_their_price() -> None:
    least = cost_so_far("eu-west-3", NOON, NOON + timedelta(hours=1), workers=None)
    known = cost_so_far("eu-west-3", NOON, NOON + timedelta(hours=2), workers=4)
    assert least is not None
    assert known is not None
    assert (least.cost, least.currency, least.is_least) == (pytest.approx(WORKER_HOUR), "USD", True)
    assert (known.cost, known.is_least) == (pytest.approx(8 * WORKER_HOUR), False)
    assert cost_so_far("mars-1", NOON, NOON, workers=4) is None


def test_a_run_tells_its_progress_and_its_cost_since_it_began() -> None:
    started_at = datetime.now(UTC) - timedelta(hours=1)
    in_flight = found({"state": "RUNNING", "startedAt": started_at}, json.dumps(PROGRESS.document()).encode())
    assert (in_flight.progress, in_flight.started_at) == (PROGRESS, started_at)
    assert in_flight.cost is not None
    assert in_flight.cost.cost == pytest.approx(4 * WORKER_HOUR, rel=0.1)
    assert in_flight.document()["done"] == 1250


def test_the_progress_of_another_attempt_and_one_that_cannot_be_read_do_not_count() -> None:
    other = json.dumps({**PROGRESS.document(), "attempt": 2}).encode()
    for body in (other, b"", b'{"format": 99}', None):
        in_flight = found({"state": "RUNNING"}, body)
        assert in_flight.progress is None
        assert in_flight.cost is not None
        assert in_flight.cost.is_least


def test_a_run_that_waits_for_capacity_costs_nothing_yet() -> None:
    in_flight = found({"state": "SCHEDULED"}, json.dumps(PROGRESS.document()).encode())
    assert (in_flight.progress, in_flight.cost) == (None, None)


def test_a_refit_that_has_not_ended_is_found_among_the_runs() -> None:
    ended = Run("refit-1-20261120T110000000Z", "SUCCESS", NOON, run_id="1")
    featurize = Run("featurize-b-1", "RUNNING", NOON, run_id="2")
    running = Run("refit-2-20261120T120000000Z", "RUNNING", NOON, run_id="3")
    refit = refit_in_flight([featurize, running, ended], "eu-west-3", NOON + timedelta(hours=1))
    assert refit is not None
    assert refit.run is running
    assert refit.cost is not None
    assert (refit.cost.cost, refit.cost.is_least) == (pytest.approx(WORKER_HOUR), True)
    assert refit_in_flight([featurize, ended], "eu-west-3", NOON) is None
