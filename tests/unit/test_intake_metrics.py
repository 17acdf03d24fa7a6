"""Metrics and bills of ended runs are recorded once, by the caller that closed them, and never hold up a row."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from moto import mock_aws

from pomona_contract.documents.run_record import MaintenanceReport, RunRecord, SetAsideSegment
from pomona_contract.prices import BilledHours
from pomona_contract.run_names import RunName
from pomona_intake.errors import TransientError
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue_metrics import QueueMetrics
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.run_metrics import RunMetrics
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from tests.bills import ToldRuns, failed, run_metrics_of, succeeded
from tests.model.aws import client_error

SUCCEEDED = RunState(Phase.SUCCEEDED, "", "00run", "featurize-b-1", "SUCCESS", 90, BilledHours(0.1, 0.4, 2.0))
FAILED = RunState(Phase.FAILED, "it broke", "00run", "featurize-b-1", "FAILED", 30, BilledHours(0.1, 0.4, 2.0))
REFIT = RunState(
    Phase.SUCCEEDED, "", "00refit", "refit-7-20261121T080000000Z", "SUCCESS", 40, BilledHours(0.2, 0.8, 0.0)
)
IMAGES = {"done": 5, "unchanged": 4, "deleted": 3, "absent": 2, "errors": 1, "unread": 0}
RECORD = RunRecord(
    batch_id="b",
    attempt=1,
    backbone="fruitnet@0123456789ab",
    started_at="2026-11-21T08:00:00+00:00",
    finished_at="2026-11-21T08:01:30+00:00",
    snapshot_id=7,
    keys=15,
    images=IMAGES,
    segments_missing=0,
    bytes=1,
    retries=0,
    maintenance=MaintenanceReport((), ""),
    seconds={"total": 90},
)
EVENT = {"source": "aws.emr-serverless", "detail": {"applicationId": "00app", "jobRunId": "00refit"}}
CLOCK = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


class Said:
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
        self.run_metrics = self.another(said)

    def another(self, said: RunState | Exception = REFIT, bucket: str = "lake") -> RunMetrics:
        return self.of(Said(said), bucket)

    def of(self, runs: Any, bucket: str = "lake", region: str = "eu-west-3") -> RunMetrics:
        return run_metrics_of(self.s3, bucket, runs, self.measure, self.logger, region)

    def measure(self, name: str, _unit: Any, value: float) -> None:
        self.measured[name] = self.measured.get(name, 0) + value

    def queue_metrics(self, bucket: str = "lake") -> QueueMetrics:
        lake = Lake(self.s3, bucket)
        pauses = FailurePauseStore(lake, timedelta(hours=1), self.logger.warning)
        return QueueMetrics(lake, pauses, self.measure, self.logger)

    def record(self, name: str = "runs/b-1.json", done: tuple[str, ...] = (), error: str = "", **more: Any) -> None:
        record = replace(RECORD, maintenance=MaintenanceReport(done, error), **more)
        self.put(name, json.dumps(record.document()).encode())

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


def end(run_metrics: RunMetrics, run: RunState) -> None:
    run_metrics.add_closed(RunName("b", 1), run)
    run_metrics.record_closed()


def test_a_settled_run_is_counted_and_its_bill_kept(scene):
    scene.record()
    end(scene.run_metrics, SUCCEEDED)
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
        "reason": "",
        "vcpu_hours": 0.1,
        "memory_gb_hours": 0.4,
        "storage_gb_hours": 2.0,
        "function_gb_hours": 0.0,
        "cost": pytest.approx(0.1 * 0.052624 + 0.4 * 0.0057785 + 2.0 * 0.000111),
        "currency": "USD",
    }


def test_a_region_without_prices_has_a_bill_without_a_cost(scene):
    end(scene.of(Said(REFIT), region="mars-north-1"), SUCCEEDED)
    assert (scene.bill()["vcpu_hours"], scene.bill()["cost"], scene.bill()["currency"]) == (0.1, None, None)


def test_a_maintenance_that_failed_is_counted_beside_the_rows_of_its_run(scene):
    scene.record(error="AccessDenied")
    end(scene.run_metrics, SUCCEEDED)
    assert (scene.measured["MaintenanceErrors"], scene.measured["ImagesDone"]) == (1, 5)


def test_only_a_maintenance_that_did_something_ends_the_alarm(scene):
    scene.record(done=("compacted 20 files into 1",))
    end(scene.run_metrics, SUCCEEDED)
    assert scene.measured["MaintenanceErrors"] == 0


def test_a_run_that_failed_is_billed_with_its_reason(scene):
    end(scene.run_metrics, FAILED)
    assert scene.measured == {"RunsFailed": 1, "VcpuHours": 0.1, "RunSeconds": 30}
    bill = scene.bill()
    assert (bill["attempt"], bill["state"], bill["reason"]) == (1, "FAILED", "it broke")


def test_what_two_have_settled_is_counted_once(scene):
    scene.record()
    end(scene.run_metrics, SUCCEEDED)
    counted = dict(scene.measured)
    end(scene.another(), SUCCEEDED)
    assert scene.measured == counted


def test_a_bill_that_could_not_be_written_is_written_by_the_next_call(scene):
    # Given a run that is closed while the bucket cannot be reached
    metrics = scene.another(bucket="later")
    end(metrics, SUCCEEDED)
    assert not scene.measured
    # When it can, and the next run is closed
    scene.s3.create_bucket(Bucket="later")
    metrics.add_closed(RunName("b", 2), FAILED)
    metrics.record_closed()
    metrics.record_closed()
    # Then both are counted and billed, once
    assert scene.measured == pytest.approx({"VcpuHours": 0.2, "RunSeconds": 120, "RunsFailed": 1})
    billed = [one["Key"] for one in scene.s3.list_objects_v2(Bucket="later")["Contents"]]
    assert billed == ["runs/b-1.billed.json", "runs/b-2.billed.json"]


def test_an_s3_that_does_not_answer_is_asked_once_a_call_however_many_bills_are_missing(scene):
    # Given three runs that are closed while the bucket cannot be reached
    tried = []
    scene.s3.meta.events.register("before-call.s3.PutObject", lambda **_: tried.append(1))
    metrics = scene.another(bucket="later")
    for attempt in (1, 2, 3):
        metrics.add_closed(RunName("b", attempt), SUCCEEDED)
    # When they are recorded, then one of them alone is tried
    metrics.record_closed()
    assert len(tried) == 1
    # And all of them when the bucket is there
    scene.s3.create_bucket(Bucket="later")
    metrics.record_closed()
    assert scene.measured["RunSeconds"] == 270


def test_what_emr_has_not_billed_yet_is_completed_by_a_later_look_and_counted_once(scene):
    # Given a run that is settled before EMR Serverless says what it billed
    scene.record()
    end(scene.run_metrics, RunState(Phase.SUCCEEDED, "", "00run", "featurize-b-1", "SUCCESS", 90))
    assert (scene.bill()["vcpu_hours"], scene.bill()["cost"]) == (None, None)
    counted = dict(scene.measured)
    # When the clock looks, first too early, then twice afterwards
    scene.of(ToldRuns([RunState(Phase.SUCCEEDED, "", "00run", "featurize-b-1", "SUCCESS", 90)])).record_from_event(
        CLOCK
    )
    assert scene.measured == counted
    scene.of(ToldRuns([SUCCEEDED])).record_from_event(CLOCK)
    scene.of(ToldRuns([SUCCEEDED])).record_from_event(CLOCK)
    # Then the bill is complete, its hours are counted once, and nothing else again
    assert (scene.bill()["vcpu_hours"], scene.bill()["cost"] > 0) == (0.1, True)
    assert scene.measured == counted | {"VcpuHours": 0.1}


@pytest.mark.parametrize("body", [b"not json", b'{"format": 1}'])
def test_a_record_that_cannot_be_read_costs_its_metrics_and_nothing_else(scene, body, caplog):
    scene.put("runs/b-1.json", body)
    with caplog.at_level(logging.WARNING):
        end(scene.run_metrics, SUCCEEDED)
    assert scene.measured == {"VcpuHours": 0.1, "RunSeconds": 90}
    assert "metrics or bills are incomplete" in caplog.text


def test_a_lake_that_refuses_raises_nothing(scene, caplog):
    run_metrics = scene.another(TransientError("throttled"), bucket="no-such-lake")
    end(run_metrics, SUCCEEDED)
    run_metrics.record_from_event(EVENT)
    scene.queue_metrics("no-such-lake").measure(datetime.now(UTC))
    scene.of(ToldRuns([REFIT]), bucket="no-such-lake").record_from_event(CLOCK)
    assert scene.measured == {}
    assert caplog.text.count("metrics or bills are incomplete") == 6


def test_a_refit_is_billed_when_its_event_comes_and_only_once(scene):
    scene.run_metrics.record_from_event(EVENT)
    assert scene.measured == {"VcpuHours": 0.2, "RunSeconds": 40}
    assert scene.bill(f"runs/{REFIT.name}.billed.json")["run_id"] == "00refit"
    scene.another().record_from_event(EVENT)
    assert scene.measured == {"VcpuHours": 0.2, "RunSeconds": 40}


def test_the_clock_writes_up_a_refit_whose_event_was_lost_and_only_once(scene):
    # Given a refit that has ended, of which no event came
    runs = ToldRuns([REFIT, RunState(Phase.RUNNING, "", "00next", "refit-8-20261122T080000000Z", "RUNNING")])
    # When the clock looks twice, and the event comes late
    run_metrics = scene.of(runs)
    for event in (CLOCK, CLOCK, EVENT):
        run_metrics.record_from_event(event)
    # Then it has one bill, and the refit that still runs has none
    assert scene.names() == [f"runs/{REFIT.name}.billed.json"]
    assert scene.measured == {"VcpuHours": 0.2, "RunSeconds": 40}


def test_the_clock_writes_up_a_run_that_whoever_settled_it_could_not(scene):
    # Given a run that failed and one that succeeded, and a function that died after it had settled them
    scene.record()
    other = failed("featurize-20261121T080000000Z-a-2", "no memory")
    # When the clock looks
    scene.of(ToldRuns([SUCCEEDED, other])).record_from_event(CLOCK)
    # Then both are counted, as they would have been before, and who settles later counts nothing
    assert (scene.measured["ImagesDone"], scene.measured["RunsFailed"]) == (5, 1)
    assert scene.bill("runs/20261121T080000000Z-a-2.billed.json")["reason"] == "no memory"
    counted = dict(scene.measured)
    end(scene.another(), SUCCEEDED)
    assert scene.measured == counted


def test_a_look_asks_for_one_page_of_runs_and_the_next_look_for_the_next(scene):
    # Given three pages of refits
    refits = [succeeded(f"refit-{number}-20261121T08000{number}000Z") for number in range(5)]
    runs = ToldRuns(refits, page_size=2)
    run_metrics = scene.of(runs)
    # When the clock looks, then each look asks once, and the fourth begins again
    billed = []
    for _ in range(4):
        run_metrics.record_from_event(CLOCK)
        billed.append(len(scene.names()))
    assert billed == [2, 4, 5, 5]
    assert runs.listed == [None, "2", "4", None]


def test_a_page_that_is_refused_does_not_end_the_search(scene, caplog):
    class Refusing(ToldRuns):
        def ended(self, application_id: str, since: datetime, token: str | None = None) -> Any:
            if token:
                raise TransientError("throttled")
            return super().ended(application_id, since, token)

    # Given a second page that cannot be had, and a bill that nobody can read on the first
    runs = Refusing([succeeded(f"refit-{number}-20261121T08000{number}000Z") for number in range(3)], page_size=2)
    scene.put("runs/refit-0-20261121T080000000Z.billed.json", b"no JSON")
    run_metrics = scene.of(runs)
    for _ in range(3):
        run_metrics.record_from_event(CLOCK)
    # Then the first page is read again, its other refit has its bill, and each failure is logged
    assert scene.names() == [f"runs/refit-{number}-20261121T08000{number}000Z.billed.json" for number in (0, 1)]
    assert caplog.text.count("metrics or bills are incomplete") == 3


def test_a_run_of_somebody_else_in_the_application_gets_no_bill(scene):
    scene.of(ToldRuns([succeeded(name) for name in ("", "my-job", "featurize-", "featurize-b-x")])).record_from_event(
        CLOCK
    )
    assert (scene.measured, scene.names()) == ({}, [])


class Client:
    """Of EMR Serverless, for one answer."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def list_job_runs(self, **arguments: Any) -> dict[str, Any]:
        self.asked = arguments
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_ended_runs_are_asked_for_in_one_request():
    client = Client({"jobRuns": [{"id": "1", "name": "refit-7-x"}, {"id": "2"}], "nextToken": "more"})
    since = datetime(2026, 11, 21, tzinfo=UTC)
    page = EmrClient(client).ended("00app", since, "token")
    assert (page.ids, page.next_token) == ({"refit-7-x": "1", "": "2"}, "more")
    assert client.asked.pop("states") == ["SUCCESS", "FAILED", "CANCELLED"]
    assert client.asked == {"applicationId": "00app", "createdAtAfter": since, "maxResults": 20, "nextToken": "token"}


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_a_token_or_an_application_that_is_not_known_means_no_runs(code):
    page = EmrClient(Client(client_error(code, 400, "ListJobRuns"))).ended("00app", datetime.now(UTC), "token")
    assert (page.ids, page.next_token) == ({}, None)


@pytest.mark.parametrize("event", [{}, {"source": "pomona.ingest"}, {"source": "aws.emr-serverless", "detail": None}])
def test_other_events_are_about_no_refit(scene, event):
    scene.run_metrics.record_from_event(event)
    assert scene.measured == {}


@pytest.mark.parametrize("said", [SUCCEEDED, RunState(Phase.RUNNING, "", "00refit", REFIT.name, "RUNNING")])
def test_a_featurize_run_and_one_that_still_runs_are_not_the_events_business(scene, said):
    scene.another(said).record_from_event(EVENT)
    assert (scene.measured, scene.names()) == ({}, [])


def test_the_oldest_pending_key_says_how_long_it_has_waited(scene):
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    scene.put("queue/pending/20261121T075800000Z-000001-r-0.jsonl")
    scene.put("queue/pending/20261121T073000000Z-000001-r-0.jsonl")
    scene.put("queue/pending/00-no-segment")
    scene.queue_metrics().measure(now)
    assert scene.measured["OldestPendingSeconds"] == timedelta(minutes=30).total_seconds()


def test_an_empty_queue_is_not_old(scene):
    scene.queue_metrics().measure(datetime.now(UTC))
    assert scene.measured == {"OldestPendingSeconds": 0}


def test_segments_that_a_run_set_aside_are_counted(scene):
    scene.record(set_aside=[SetAsideSegment("s", "garbage")])
    end(scene.run_metrics, SUCCEEDED)
    assert scene.measured["BatchesFailed"] == 1
