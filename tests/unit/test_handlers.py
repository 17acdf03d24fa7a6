"""The handlers of ingest, advance and refit with the sample events, against the APIs of AWS in memory."""

import io
import json

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import FAILURE_PAUSE
from pomona_intake import telemetry
from tests.segment_lines import parse_lines
from tests.unit.stage import EVENTS, Stage

MESSAGE = json.loads((EVENTS / "ingest-s3-put.json").read_text())["Records"][0]["messageId"]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The lines of the functions' log."""
    written = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", written)
    return written


TAKEN = {
    "ingest-s3-put": ["red floweré/50%+1.jpg"],
    "ingest-s3-delete": ["apples/red 1.jpg"],
    "ingest-s3-expiration": ["apples/old.jpg"],
    "ingest-s3-transition": ["archive/plum.jpg", "archive/fig.jpg"],
    "ingest-s3-restore": ["archive/pear 1.jpg", "archive/pear 2.jpg", "archive/pear 3.jpg"],
    "ingest-s3-replication": ["far/apple.jpg", "far/kaki.jpg", "far/date.jpg"],
    "ingest-s3-tagging-and-acl": ["marked/1.jpg", "marked/2.jpg", "marked/3.jpg"],
    "ingest-s3-tiering-and-loss": ["tiers/1.jpg", "tiers/2.jpg"],
    "ingest-s3-through-sns": ["red floweré/50%+1.jpg"],
    "ingest-s3-through-sns-raw": ["red floweré/50%+2.jpg"],
    "ingest-s3-through-eventbridge": ["pears/50%+1 red.jpg"],
    "ingest-s3-through-eventbridge-and-sns": ["pears/50%+1 red.jpg"],
    "ingest-eventbridge-kinds": [
        f"bridge/{name}.jpg"
        for name in (
            "deleted+1",
            "expired 1",
            "restoring",
            "restored",
            "archived-again",
            "class",
            "tier",
            "acl",
            "tags",
            "no-tags",
        )
    ],
    "ingest-companions": ["holiday/beach.jpg", "holiday/"],
    "ingest-test-event": [],
    "ingest-test-event-through-sns": [],
}
REFUSED = {
    "ingest-malformed",
    "ingest-partial-batch",
    "ingest-mixed-batch",
    "ingest-s3-foreign-bucket",
    "ingest-s3-foreign-bucket-through-sns",
    "ingest-sns-confirmation",
}


def test_every_sample_of_ingest_is_taken_in_or_refused_here() -> None:
    assert {path.stem for path in EVENTS.glob("ingest-*.json")} == TAKEN.keys() | REFUSED


@pytest.mark.parametrize(("event", "keys"), TAKEN.items())
def test_ingest_writes_the_dirty_keys_and_keeps_no_message(stage: Stage, event: str, keys: list[str]) -> None:
    answer = stage.invoke("ingest", event)

    assert answer == {"batchItemFailures": []}
    assert stage.dirty() == keys


def test_ingest_takes_every_form_of_an_event_in_one_batch_and_refuses_the_rest_alone(
    stage: Stage, log: io.StringIO
) -> None:
    answer = stage.invoke("ingest", "ingest-mixed-batch")

    assert stage.dirty() == [
        "mixed/plain 1.jpg",
        "mixed/wrapped 1.jpg",
        "mixed/twice.jpg",
        "mixed/bridge+1 50%.jpg",
        "mixed/bridge-wrapped+1.jpg",
        "archive/pear 2.jpg",
        "mixed/expired.jpg",
        "mixed/far.jpg",
    ]
    messages = json.loads((EVENTS / "ingest-mixed-batch.json").read_text())["Records"]
    refused = [messages[number]["messageId"] for number in (8, 9, 11)]
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == refused
    told = [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "a message was refused"]
    assert len(told) == 3
    assert "the bucket somebody-elses" in told[1]["details"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("ingest-s3-foreign-bucket-through-sns", "the bucket somebody-elses (key 'theirs.jpg')"),
        ("ingest-sns-confirmation", "photos-changed asks to confirm its subscription: open the SubscribeURL"),
    ],
)
def test_ingest_says_why_it_refuses_what_a_topic_sends(stage: Stage, log: io.StringIO, event: str, reason: str) -> None:
    assert len(stage.invoke("ingest", event)["batchItemFailures"]) == 1
    assert stage.dirty() == []
    assert reason in log.getvalue()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The invocations that Lambda was asked for. moto needs containers to run a function."""
    asked: list[dict[str, str]] = []
    call = BaseClient._make_api_call

    def watched(self: BaseClient, operation: str, arguments: dict[str, str]) -> object:
        if operation == "Invoke":
            return asked.append(arguments)
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", watched)
    return asked


def test_ingest_wakes_advance_and_starts_nothing_itself(stage: Stage, woken: list[dict[str, str]]) -> None:
    stage.invoke("ingest", "ingest-s3-put")

    assert woken == [{"FunctionName": "advance", "InvocationType": "Event"}]
    assert stage.names("queue/") == stage.names("queue/pending/") != []


def test_ingest_leaves_advance_alone_while_a_batch_is_in_flight(stage: Stage, woken: list[dict[str, str]]) -> None:
    stage.launch()
    woken.clear()

    stage.invoke("ingest", "ingest-s3-put")

    assert woken == []


def test_ingest_of_nothing_wakes_nobody(stage: Stage, woken: list[dict[str, str]]) -> None:
    stage.invoke("ingest", "ingest-test-event")

    assert woken == []


def test_ingest_accepts_the_batch_although_advance_cannot_be_woken(stage: Stage, log: io.StringIO) -> None:
    # Given no function of that name
    assert stage.invoke("ingest", "ingest-s3-put") == {"batchItemFailures": []}
    assert len(stage.dirty()) == 1
    assert "its schedule launches the run" in log.getvalue()


def test_ingest_refuses_the_event_of_another_bucket(stage: Stage, log: io.StringIO) -> None:
    answer = stage.invoke("ingest", "ingest-s3-foreign-bucket")

    assert answer == {"batchItemFailures": [{"itemIdentifier": MESSAGE}]}
    assert stage.dirty() == []
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert "the bucket somebody-elses (key 'red flower\\xe9/50%+1.jpg')" in line["details"]


def test_advance_launches_the_run_that_is_due(stage: Stage) -> None:
    stage.launch()

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


@pytest.mark.parametrize("body", [b"", b"[]", b'{"batch', b'{"format": 99}', b'{"format": 2}', b"[" * 100_000])
def test_advance_tells_of_an_unreadable_claim_in_a_sentence(
    stage: Stage, log: io.StringIO, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    stage.s3.put_object(Bucket="lake", Key="queue/active.json", Body=body)

    stage.invoke("advance", "advance-clock")

    assert [metrics.get("ClaimUnreadable") for metrics in measured(capsys)] == [[1.0]]
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["level"] == "ERROR"]
    assert "run `pomona repair`" in line["message"]
    assert line["details"].startswith("queue/active.json ")
    assert "Traceback" not in log.getvalue()
    assert stage.read("queue/active.json") == body


def test_advance_settles_a_run_that_succeeded(stage: Stage) -> None:
    stage.launch()
    stage.runs_are("SUCCESS")

    stage.invoke("advance", "advance-run-success")

    assert stage.names("queue/") == []


@pytest.mark.parametrize(("event", "state"), [("advance-run-failed", "FAILED"), ("advance-run-cancelled", "CANCELLED")])
def test_advance_tries_again_and_then_moves_the_batch_to_failed(stage: Stage, event: str, state: str) -> None:
    stage.launch()
    stage.runs_are(state)

    stage.invoke("advance", event)
    assert stage.claim()["attempt"] == 2
    assert len(stage.runs()) == 2
    stage.runs_are(state)
    stage.invoke("advance", event)

    segment, document = stage.names("queue/failed/")
    failed = json.loads(stage.read(document))
    assert (failed["attempts"], failed["keys"], failed["segments"]) == (2, 1, 1)
    assert [key.key for key in parse_lines(stage.read(segment))] == ["red floweré/50%+1.jpg"]
    assert state in failed["reason"]
    assert stage.names("queue/pending/") + stage.names("queue/active.json") == []


def test_advance_leaves_a_run_in_flight_alone(stage: Stage) -> None:
    stage.launch()
    before = stage.claim()

    stage.invoke("advance", "advance-clock")

    assert stage.claim() == before


def test_advance_says_which_batch_its_lines_are_about(stage: Stage, log: io.StringIO) -> None:
    stage.launch()

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (started,) = [line for line in lines if line["message"] == "started"]
    assert started["batch_id"] == stage.claim()["batch_id"]


def test_the_clock_writes_a_bill_for_a_refit_of_which_no_event_came(stage: Stage) -> None:
    stage.runs_are("SUCCESS")
    driver = {"sparkSubmit": {"entryPoint": "s3://lake/jobs/refit_job.py"}}
    name, role = "refit-7-20261121T080000000Z", "arn:aws:iam::123456789012:role/pomona-job"
    stage.emr.start_job_run(
        applicationId=stage.application_id, clientToken="t", executionRoleArn=role, jobDriver=driver, name=name
    )

    stage.invoke("advance", "advance-clock")

    bill = json.loads(stage.read(f"runs/{name}.billed.json"))
    assert (bill["batch_id"], bill["state"], bill["cost"]) == (name, "SUCCESS", 0)  # moto bills no hours


def test_what_happened_is_counted(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.invoke("ingest", "ingest-partial-batch")

    (metrics,) = measured(capsys)
    counted = {name: metrics[name] for name in ("Events", "Malformed", "Keys", "Segments")}
    assert counted == {"Events": [4.0], "Malformed": [1.0], "Keys": [2.0], "Segments": [1.0]}


def test_what_the_alarms_ask_for_is_measured_at_each_look(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a batch that was set aside, one of an earlier release, and a line that is paused
    stage.s3.put_object(Bucket="lake", Key="queue/failed/b/batch.json", Body=b"{}")
    stage.s3.put_object(Bucket="lake", Key="queue/failed/b/1.jsonl", Body=b"{}")
    stage.s3.put_object(Bucket="lake", Key="queue/failed/a.json", Body=b"{}")
    pause = FailurePause(("a", "b"), "2999-01-01T00:00:00.000Z", "because")
    stage.s3.put_object(Bucket="lake", Key=FAILURE_PAUSE, Body=pause.to_json())
    stage.invoke("advance", "advance-clock")
    # Then each is told, with what else the alarms look at
    (metrics,) = measured(capsys)
    told = {name: metrics.get(name) for name in ("Looks", "FailedBatches", "QueuePaused", "ClaimUnreadable")}
    assert told == {"Looks": [1.0], "FailedBatches": [2.0], "QueuePaused": [1.0], "ClaimUnreadable": None}


def measured(capsys: pytest.CaptureFixture[str]) -> list[dict[str, list[float]]]:
    """What each invocation has measured."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]


def test_refit_without_a_table_starts_nothing(stage: Stage) -> None:
    boto3.client("glue").create_database(DatabaseInput={"Name": "pomona"})

    answer = stage.invoke("refit", "refit-schedule")

    assert answer == {"run_id": None, "reason": "the table has no rows", "unfinished_run_id": None}


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
