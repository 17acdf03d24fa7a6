"""The handlers of ingest, advance and refit with the sample events, against the APIs of AWS in memory."""

import io
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from intake import telemetry
from tests.unit.stage import EVENTS, Stage


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

    assert stage.invoke("refit", "refit-schedule") == {"run_id": None, "reason": "the table has no rows"}


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
