"""What ended runs did and cost is written up once, by whoever closed them, and never in the way of a row."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from moto import mock_aws

from intake.bookkeeping import Bookkeeping
from intake.emr import Billed, Phase, RunState
from intake.errors import TransientError
from intake.lake import Lake
from intake.line import LineState
from intake.steps import Step

SUCCEEDED = RunState(Phase.SUCCEEDED, "", "00run", "featurize-b-1", "SUCCESS", 90, Billed(0.1, 0.4, 2.0))
FAILED = RunState(Phase.FAILED, "it broke", "00run", "featurize-b-1", "FAILED", 30, Billed(0.1, 0.4, 2.0))
REFIT = RunState(Phase.SUCCEEDED, "", "00refit", "refit-7-20261121T080000000Z", "SUCCESS", 40, Billed(0.2, 0.8, 0.0))
IMAGES = {"done": 5, "unchanged": 4, "deleted": 3, "absent": 2, "errors": 1, "unread": 0}
EVENT = {"source": "aws.emr-serverless", "detail": {"applicationId": "00app", "jobRunId": "00refit"}}


class Runs:
    """What EMR Serverless says of any run."""

    def __init__(self, said: RunState | Exception) -> None:
        self.said = said

    def state(self, _application_id: str, _run_id: str) -> RunState:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


class Scene:
    def __init__(self, said: RunState | Exception = REFIT) -> None:
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.s3.create_bucket(Bucket="lake")
        self.measured: dict[str, float] = {}
        self.logger = Logger(service=f"books-{id(self)}")
        self.books = self.another(said)

    def another(self, said: RunState | Exception = REFIT, bucket: str = "lake") -> Bookkeeping:
        def measure(name: str, _unit: Any, value: float) -> None:
            self.measured[name] = self.measured.get(name, 0) + value

        return Bookkeeping(Lake(self.s3, bucket), Runs(said), measure, self.logger)  # type: ignore[arg-type]

    def line(self, bucket: str = "lake") -> LineState:
        return LineState(Lake(self.s3, bucket), timedelta(hours=1), self.logger.warning)

    def record(self, name: str = "runs/b-1.json", done: tuple[str, ...] = (), error: str = "", **more: Any) -> None:
        maintenance = {"done": done, "error": error}
        self.put(name, json.dumps({"format": 1, "images": IMAGES, "maintenance": maintenance, **more}).encode())

    def put(self, name: str, body: bytes = b"") -> None:
        self.s3.put_object(Bucket="lake", Key=name, Body=body)

    def bill(self, name: str = "runs/b-1.billed.json") -> dict[str, Any]:
        return json.loads(self.s3.get_object(Bucket="lake", Key=name)["Body"].read())

    def names(self) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket="lake").get("Contents", [])]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Scene()


def end(books: Bookkeeping, run: RunState, closed: str, attempt: int = 1) -> None:
    books.note(Step("ended", "b", 1, run.details, run))
    books.note(Step(closed, "b", attempt))
    books.write_up()


def test_a_settled_run_is_counted_and_its_bill_kept(scene):
    scene.record()
    end(scene.books, SUCCEEDED, "settled")
    assert scene.measured == {
        "ImagesDone": 5,
        "ImagesUnchanged": 4,
        "ImagesDeleted": 3,
        "ImagesErrors": 1,
        "VcpuHours": 0.1,
        "RunSeconds": 90,
    }
    assert scene.bill() == {
        "format": 1,
        "batch_id": "b",
        "attempt": 1,
        "run_id": "00run",
        "state": "SUCCESS",
        "seconds": 90,
        "vcpu_hours": 0.1,
        "memory_gb_hours": 0.4,
        "storage_gb_hours": 2.0,
    }


def test_a_maintenance_that_failed_is_counted_beside_the_rows_of_its_run(scene):
    scene.record(error="AccessDenied")
    end(scene.books, SUCCEEDED, "settled")
    assert (scene.measured["MaintenanceErrors"], scene.measured["ImagesDone"]) == (1, 5)


def test_only_a_maintenance_that_did_something_ends_the_alarm(scene):
    scene.record(done=("compacted 20 files into 1",))
    end(scene.books, SUCCEEDED, "settled")
    assert scene.measured["MaintenanceErrors"] == 0


@pytest.mark.parametrize(("closed", "attempt"), [("attempted again", 2), ("failed", 1)])
def test_a_run_that_is_given_up_is_billed_under_its_own_attempt(scene, closed, attempt):
    end(scene.books, FAILED, closed, attempt)
    assert scene.measured == {"RunsFailed": 1, "VcpuHours": 0.1, "RunSeconds": 30}
    assert (scene.bill()["attempt"], scene.bill()["state"]) == (1, "FAILED")


def test_who_lost_the_race_to_settle_counts_nothing(scene):
    scene.books.note(Step("ended", "b", 1, "", SUCCEEDED))
    scene.books.note(Step("lost a race"))
    scene.books.write_up()
    scene.books.note(Step("settled", "another", 1))
    scene.books.write_up()
    assert (scene.measured, scene.names()) == ({}, [])


def test_what_two_have_settled_is_counted_once(scene):
    scene.record()
    end(scene.books, SUCCEEDED, "settled")
    counted = dict(scene.measured)
    end(scene.another(), SUCCEEDED, "settled")
    assert scene.measured == counted


def test_what_emr_does_not_bill_yet_is_left_to_who_asks_later(scene):
    end(scene.books, RunState(Phase.SUCCEEDED, "", "00run", "featurize-b-1", "SUCCESS"), "settled")
    assert (scene.measured, scene.names()) == ({}, [])


@pytest.mark.parametrize("body", [b"not json", b'{"format": 1}'])
def test_a_record_that_cannot_be_read_costs_its_metrics_and_nothing_else(scene, body, caplog):
    scene.put("runs/b-1.json", body)
    with caplog.at_level(logging.WARNING):
        end(scene.books, SUCCEEDED, "settled")
    assert scene.measured == {"VcpuHours": 0.1, "RunSeconds": 90}
    assert "the books are incomplete" in caplog.text


def test_a_lake_that_refuses_raises_nothing(scene, caplog):
    books = scene.another(TransientError("throttled"), bucket="no-such-lake")
    end(books, SUCCEEDED, "settled")
    books.look_at(EVENT)
    books.measure_queue(scene.line("no-such-lake"), datetime.now(UTC))
    assert scene.measured == {}
    assert caplog.text.count("the books are incomplete") == 5


def test_a_refit_is_billed_when_its_event_comes_and_only_once(scene):
    scene.books.look_at(EVENT)
    assert scene.measured == {"VcpuHours": 0.2, "RunSeconds": 40}
    assert scene.bill(f"runs/{REFIT.name}.billed.json")["run_id"] == "00refit"
    scene.another().look_at(EVENT)
    assert scene.measured == {"VcpuHours": 0.2, "RunSeconds": 40}


@pytest.mark.parametrize("event", [{}, {"source": "aws.events"}, {"source": "aws.emr-serverless", "detail": None}])
def test_other_events_are_about_no_refit(scene, event):
    scene.books.look_at(event)
    assert scene.measured == {}


@pytest.mark.parametrize("said", [SUCCEEDED, RunState(Phase.RUNNING, "", "00refit", REFIT.name, "RUNNING")])
def test_a_featurize_run_and_one_that_still_runs_are_not_the_events_business(scene, said):
    scene.another(said).look_at(EVENT)
    assert (scene.measured, scene.names()) == ({}, [])


def test_the_oldest_pending_key_says_how_long_it_has_waited(scene):
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    scene.put("queue/pending/20261121T075800000Z-000001-r-0.jsonl")
    scene.put("queue/pending/20261121T073000000Z-000001-r-0.jsonl")
    scene.put("queue/pending/00-no-segment")
    scene.books.measure_queue(scene.line(), now)
    assert scene.measured["OldestPendingSeconds"] == timedelta(minutes=30).total_seconds()


def test_an_empty_queue_is_not_old(scene):
    scene.books.measure_queue(scene.line(), datetime.now(UTC))
    assert scene.measured == {"OldestPendingSeconds": 0}


def test_segments_that_a_run_set_aside_are_counted(scene):
    scene.record(set_aside=[{"batch_id": "s", "reason": "garbage"}])
    end(scene.books, SUCCEEDED, "settled")
    assert scene.measured["BatchesFailed"] == 1
