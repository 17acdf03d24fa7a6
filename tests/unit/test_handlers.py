"""The handlers of ingest, advance and refit with the sample events, against the APIs of AWS in memory."""

import importlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.emrserverless import models as moto_emr

from intake import telemetry, wiring
from intake.segments import parse_lines

EVENTS = Path(__file__).resolve().parents[2] / "events"
CACHES = (wiring.settings, wiring.queue, wiring.books, wiring.refits, wiring._lake, wiring._runs)


@dataclass
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str = "pomona"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-3:123456789012:function:pomona"
    aws_request_id: str = "8f5a3c9e-0000-4000-8000-000000000001"


class Stage:
    """A lake bucket, an application, and the functions with their environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        self.emr = boto3.client("emr-serverless")
        created = self.emr.create_application(name="pomona", releaseLabel="emr-7.5.0", type="SPARK")
        self.application_id = created["applicationId"]
        self.set(APPLICATION_ID=self.application_id, LAKE_BUCKET="lake", IMAGES_BUCKET="images", DATABASE_NAME="pomona")
        self.set(JOB_ROLE_ARN="arn:aws:iam::123456789012:role/pomona-job", JOB_PREFIX="jobs/0123456789ab")
        self.set(POWERTOOLS_TRACE_DISABLED="true", LAUNCH_AFTER_MINUTES="0", MAX_ATTEMPTS="2")

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def runs_are(self, state: str) -> None:
        """The state of every run, started already or from now on."""
        self._monkeypatch.setattr(moto_emr, "JOB_STATUS", state)
        started = moto_emr.emrserverless_backends["123456789012"]["eu-west-3"].job_runs
        for run in started.get(self.application_id, []):
            run.state = state

    def invoke(self, function: str, event: str) -> Any:
        for cached in CACHES:
            cached.cache_clear()
        handler = importlib.import_module(function).handler
        return handler(json.loads((EVENTS / f"{event}.json").read_text()), Context())

    def names(self, prefix: str) -> list[str]:
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]

    def read(self, name: str) -> bytes:
        return self.s3.get_object(Bucket="lake", Key=name)["Body"].read()

    def dirty(self) -> list[str]:
        return [key.key for name in self.names("queue/pending/") for key in parse_lines(name, self.read(name))]

    def claim(self) -> dict[str, Any]:
        return json.loads(self.read("queue/active.json"))

    def runs(self) -> list[str]:
        return [run["name"] for run in self.emr.list_job_runs(applicationId=self.application_id)["jobRuns"]]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        stage = Stage(monkeypatch)
        stage.runs_are("RUNNING")
        yield stage


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The lines of the functions' log."""
    written = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", written)
    return written


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ("ingest-s3-put", ["red floweré/50%+1.jpg"]),
        ("ingest-s3-delete", ["apples/red 1.jpg"]),
        ("ingest-s3-expiration", ["apples/old.jpg"]),
        ("ingest-s3-through-eventbridge", ["pears/50%+1 red.jpg"]),
        ("ingest-test-event", []),
    ],
)
def test_ingest_writes_the_dirty_keys_and_keeps_no_message(stage: Stage, event: str, keys: list[str]) -> None:
    answer = stage.invoke("ingest", event)

    assert answer == {"batchItemFailures": []}
    assert stage.dirty() == keys


def test_ingest_launches_the_run_that_is_due(stage: Stage) -> None:
    stage.invoke("ingest", "ingest-s3-put")

    claim = stage.claim()
    assert stage.runs() == [f"featurize-{claim['batch_id']}-1"] == [claim["parameters"]["name"]]
    assert claim["run_id"]
    assert [segment["name"] for segment in claim["segments"]] == stage.names("queue/pending/")


def test_ingest_refuses_a_malformed_message_alone(stage: Stage) -> None:
    answer = stage.invoke("ingest", "ingest-partial-batch")

    second = json.loads((EVENTS / "ingest-partial-batch.json").read_text())["Records"][1]
    assert answer == {"batchItemFailures": [{"itemIdentifier": second["messageId"]}]}
    assert stage.dirty() == ["apples/1.jpg", "kakis/2.jpg"]


def test_ingest_of_nothing_but_malformed_messages_refuses_each(stage: Stage) -> None:
    assert len(stage.invoke("ingest", "ingest-malformed")["batchItemFailures"]) == 1
    assert stage.dirty() == []


def test_ingest_keeps_the_whole_batch_when_the_segment_cannot_be_written(stage: Stage) -> None:
    stage.set(LAKE_BUCKET="another")

    with pytest.raises(ClientError, match="NoSuchBucket"):
        stage.invoke("ingest", "ingest-s3-put")


def test_ingest_accepts_the_batch_although_the_launch_failed(stage: Stage, log: io.StringIO) -> None:
    stage.s3.put_object(Bucket="lake", Key="queue/active.json", Body=b'{"format": 2}')

    assert stage.invoke("ingest", "ingest-s3-put") == {"batchItemFailures": []}
    assert len(stage.dirty()) == 1
    assert "has format 2" in log.getvalue()


def test_advance_settles_a_run_that_succeeded(stage: Stage) -> None:
    stage.invoke("ingest", "ingest-s3-put")
    stage.runs_are("SUCCESS")

    stage.invoke("advance", "advance-run-success")

    assert stage.names("queue/") == []


@pytest.mark.parametrize(("event", "state"), [("advance-run-failed", "FAILED"), ("advance-run-cancelled", "CANCELLED")])
def test_advance_tries_again_and_then_moves_the_batch_to_failed(stage: Stage, event: str, state: str) -> None:
    stage.invoke("ingest", "ingest-s3-put")
    stage.runs_are(state)

    stage.invoke("advance", event)
    assert stage.claim()["attempt"] == 2
    assert len(stage.runs()) == 2
    stage.invoke("advance", event)

    (name,) = stage.names("queue/")
    failed = json.loads(stage.read(name))
    assert (failed["attempts"], [key["key"] for key in failed["keys"]]) == (2, ["red floweré/50%+1.jpg"])
    assert state in failed["reason"]


def test_advance_leaves_a_run_in_flight_alone(stage: Stage) -> None:
    stage.invoke("ingest", "ingest-s3-put")
    before = stage.claim()

    stage.invoke("advance", "advance-clock")

    assert stage.claim() == before


def test_advance_says_which_batch_its_lines_are_about(stage: Stage, log: io.StringIO) -> None:
    stage.set(LAUNCH_AFTER_MINUTES="10")
    stage.invoke("ingest", "ingest-s3-put")
    stage.set(LAUNCH_AFTER_MINUTES="0")
    stage.invoke("advance", "advance-clock")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (started,) = [line for line in lines if line["message"] == "started"]
    assert started["batch_id"] == stage.claim()["batch_id"]


def test_what_happened_is_counted(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.invoke("ingest", "ingest-partial-batch")

    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    counted = {name: metrics[name] for name in ("Events", "Malformed", "Keys", "Segments", "Runs")}
    assert counted == {"Events": [4.0], "Malformed": [1.0], "Keys": [2.0], "Segments": [1.0], "Runs": [1.0]}


def test_refit_without_a_table_starts_nothing(stage: Stage) -> None:
    boto3.client("glue").create_database(DatabaseInput={"Name": "pomona"})

    assert stage.invoke("refit", "refit-schedule") == {"run_id": None}


def test_refit_of_a_changed_table_starts_a_run(stage: Stage) -> None:
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "pomona"})
    location = {"metadata_location": "s3://lake/warehouse/features/metadata/1.metadata.json"}
    glue.create_table(DatabaseName="pomona", TableInput={"Name": "features", "Parameters": location})
    summary = {"operation": "overwrite", "added-records": "5", "total-records": "5"}
    snapshot = {"snapshot-id": 7, "timestamp-ms": 1_795_000_000_000, "summary": summary}
    metadata = {"format-version": 2, "current-snapshot-id": 7, "snapshots": [snapshot]}
    stage.s3.put_object(
        Bucket="lake", Key="warehouse/features/metadata/1.metadata.json", Body=json.dumps(metadata).encode()
    )

    assert stage.invoke("refit", "refit-schedule")["run_id"]
    assert stage.runs() == ["refit-7-20261121T080000000Z"]
