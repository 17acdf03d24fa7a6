"""`pomona` against the embedded AWS: what an operator types, and what is in the lake afterwards."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import CLAIM, FAILURE_PAUSE
from pomona_contract.prices import BilledHours
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import parse_segment_name
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from tests.bills import bill, failed, succeeded
from tests.cli_stack import FEATURES, CliStack
from tests.local_server import REGION, ROOT, LocalServer, until

BATCH = "20261120T120000000Z-0badcafe"
STOPS_AT_THE_TABLE = """
import signal, time, pomona_cli.backfill
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in a shell's background inherit none
def stop(stack):
    print("begun", flush=True)
    time.sleep(600)
pomona_cli.backfill.find_table = stop
from pomona_cli.main import app
app()
"""
HOSTILE = ["=1+1.jpg", "a//b.jpg", "../x.jpg", "'; drop table.jpg", "<script>.jpg", "\x1b[31mred.jpg", "é 2.jpg"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture
def stack(aws: LocalServer, request: pytest.FixtureRequest) -> CliStack:
    return CliStack(aws, f"cli-{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture(scope="module")
def common(aws: LocalServer) -> CliStack:
    """A stack that no test changes."""
    return CliStack(aws, "cli-common")


def fail(stack: CliStack, batch: str, *keys: str) -> None:
    lake = Lake(stack.s3, stack.lake)
    writer = SegmentWriter(lake, lambda step: None)
    dirty = [DirtyKey(stack.images, key, "2026-11-20T12:00:00.000Z") for key in keys]
    segments = tuple(ClaimedSegment(name, len(keys)) for name in writer.write(dirty, f"r-{batch}"))
    claim = Claim(batch, 3, "2026-11-20T12:00:00.000Z", segments, "app", {"name": "x"}, "run", failures=3)
    FailedBatches(lake, writer).set_aside(claim, "Job failed: \x1b[31mno memory")


def waiting_claim(batch: str = BATCH) -> Claim:
    """A batch whose second attempt waits for a long time."""
    first = Claim(batch, 1, "2026-11-20T12:00:00.000Z", (), "app", {"name": "x"}, "run")
    return first.attempted_again("app", {"name": "x"}, 1, "2999-01-01T00:00:00.000Z", "Glue says \x1b[31mno")


def write(stack: CliStack, key: str, document: dict) -> None:
    stack.s3.put_object(Bucket=stack.lake, Key=key, Body=json.dumps({"format": 1, **document}).encode())


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


# finding the stack


def test_a_stack_that_is_not_there_is_told_with_region_and_endpoint(common):
    told = common.pomona("status", "--stack", "none")
    assert told.exit_code == 1
    assert f"There is no stack none in region {REGION} at {common.aws.endpoint}" in told.stderr


def test_another_region_has_another_stack(common):
    told = common.pomona("status", "--region", "us-east-1")
    assert (told.exit_code, "in region us-east-1" in told.stderr) == (1, True)


def test_without_a_region_there_is_nothing_to_ask(common):
    told = common.pomona("status", AWS_REGION="", AWS_CONFIG_FILE="none", HOME="none")
    assert (told.exit_code, "pass --region" in told.stderr) == (1, True)


def test_a_stack_of_something_else_is_refused(aws, common):
    aws.deploy("other", {"Queue": {"Type": "AWS::SQS::Queue"}}, {"Queue": {"Ref": "Queue"}})
    told = common.pomona("status", "--stack", "other")
    assert (told.exit_code, "it is no stack of Pomona" in told.stderr) == (1, True)


def user(aws: LocalServer, name: str, *actions: str) -> dict[str, str]:
    """The credentials of a user who may do only this."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


LOOK = ("cloudformation:DescribeStacks", "s3:GetObject", "s3:ListBucket", "emr-serverless:ListJobRuns")


@pytest.mark.parametrize(
    ("name", "actions", "words", "missing"),
    [
        ("nobody", ("s3:ListAllMyBuckets",), ("status",), "cloudformation:DescribeStacks"),
        ("looker", ("cloudformation:DescribeStacks",), ("status",), "s3:GetObject"),
        ("lister", ("cloudformation:DescribeStacks",), ("retry", "--all"), "s3:ListBucket"),
        ("reader", LOOK, ("errors",), "glue:GetTable"),
        ("filler", (*LOOK, "glue:GetTable"), ("backfill",), "lambda:GetFunctionConfiguration"),
    ],
)
def test_a_missing_permission_is_named(common, name, actions, words, missing):
    told = common.pomona(*words, **user(common.aws, name, *actions))
    assert told.exit_code == 1
    assert f"may not {missing}" in told.stderr


def test_what_looks_needs_no_more_than_it_says(common):
    told = common.pomona("status", "--json", **user(common.aws, "watcher", *LOOK))
    assert (told.exit_code, told.stderr) == (0, "")
    (document,) = lines(told.stdout)
    assert document["events"] is None  # without sqs:GetQueueAttributes
    assert document["alarms"] is None  # without cloudwatch:DescribeAlarms


def test_alarms_that_are_on_are_shown_to_whom_may_see_them(aws):
    # Given an alarm of the stack that is on, one that is off, and one of another stack that is on
    stack = CliStack(aws, "cli-alarms")
    rule = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    rule |= {"Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"}
    for name in ("cli-alarms-StuckEventsAlarm-1", "cli-alarms-DeadLetterAlarm-1", "cli-alarms-two-ErrorRateAlarm-1"):
        aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **rule)
        if "DeadLetter" not in name:
            aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="too \x1b[31mold")
    # When somebody looks who may see alarms
    credentials = user(aws, "alarmed", *LOOK, "cloudwatch:DescribeAlarms")
    told = stack.pomona("status", **credentials)
    (document,) = lines(stack.pomona("status", "--json", **credentials).stdout)
    # Then the one is shown, and nothing that steers a terminal
    (alarm,) = document["alarms"]
    assert (alarm["name"], alarm["runbook"]) == ("StuckEventsAlarm", "docs/operations.md#stuckeventsalarm")
    (line,) = (line for line in told.stdout.splitlines() if line.startswith("alarm "))
    assert "StuckEventsAlarm is on since 20" in line
    assert r"too \x1b[31mold" in line


LAKE = ("cloudformation:DescribeStacks", "s3:ListBucket", "s3:GetObject")
MARK = (*LAKE, "s3:PutObject", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction")
BOOK = {
    "runs": (*LAKE, "emr-serverless:ListJobRuns", "emr-serverless:GetJobRun"),
    "errors": (*LAKE, "glue:GetTable"),
    "backfill": (*MARK, "glue:GetTable"),
    "retry --all": (*MARK, "s3:DeleteObject"),
    "retry --errors": (*LAKE, "s3:PutObject", "lambda:InvokeFunction", "glue:GetTable"),
    "discard --all --yes": (*LAKE, "s3:DeleteObject"),
    "resume": (*MARK, "s3:DeleteObject"),
    "repair --yes": (*LAKE, "s3:PutObject", "s3:DeleteObject", "lambda:InvokeFunction"),
    "erase a/ --yes": (*MARK, "glue:GetTable", "s3:ListBucketVersions", "s3:DeleteObjectVersion"),
}


@pytest.mark.parametrize("words", BOOK)
def test_the_permissions_in_the_book_are_enough(aws, words):
    name = words.replace("/", "").replace("--", "").replace(" ", "-")
    stack = CliStack(aws, f"cli-book-{name}")
    stack.put("a/1")
    stack.append(stack.row("a/1", error="e", features=None))
    fail(stack, BATCH, "a/1")
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=b"?" if "repair" in words else waiting_claim().to_json())
    told = stack.pomona(*words.split(), **user(aws, f"book-{name}", *BOOK[words]))
    assert told.exit_code == 0, told.stderr


# status and runs


def test_the_status_of_an_empty_stack_says_so(common):
    told = common.pomona("status")
    assert told.exit_code == 0
    assert "pending    nothing\nin flight  nothing\nlast refit none yet" in told.stdout
    assert common.pomona("runs").stdout == "There was no run yet.\n"


def test_the_status_tells_what_waits_runs_and_failed(stack):
    # Given a pending segment, a claim without a run, a failed batch, results, an open erasure and a final one
    claimed = "queue/pending/20261120T120000000Z-000002-a-0.jsonl"
    waiting = "queue/pending/20261120T130000000Z-000003-b-0.jsonl"
    for name in (claimed, waiting):
        stack.s3.put_object(Bucket=stack.lake, Key=name, Body=b"")
    claim = Claim(BATCH, 1, "2026-11-20T12:00:00.000Z", (ClaimedSegment(claimed, 2),), "app", {"name": "x"})
    stack.s3.put_object(Bucket=stack.lake, Key="queue/active.json", Body=claim.to_json())
    fail(stack, "20261119T120000000Z-1", "a", "b")
    write(stack, "results/latest.json", {"snapshot_id": 42, "rows": 7, "components": 3, "variance": 0.9512})
    about = {"requested_at": "2026-11-20T12:00:00.000Z", "bucket": stack.images, "prefix": "p/\x1b", "keys": []}
    write(stack, "erasures/open/one.json", {"id": "one", **about, "state": "open", "final_at": None})
    write(
        stack, "erasures/final/two.json", {"id": "two", **about, "state": "final", "final_at": "2026-11-20T13:00:00Z"}
    )
    # When the status is asked for
    told = stack.pomona("status")
    (document,) = lines(stack.pomona("status", "--json").stdout)
    # Then it has all of it, and nothing that steers a terminal
    assert told.exit_code == 0, told.stderr
    assert "3 keys in 1 segment," in told.stdout
    assert f"batch {BATCH}, attempt 1, 2 keys in 1 segment: not started" in told.stdout
    assert "snapshot 42: rows 7, components 3, variance 0.951" in told.stdout
    assert r"\x1b[31mno memory" in told.stdout
    assert "one of the prefix" in told.stdout
    assert "two" not in told.stdout
    assert "\x1b" not in told.stdout
    assert document["pending"]["keys"] == 3
    assert document["in_flight"]["batch_id"] == BATCH
    assert [batch["keys"] for batch in document["failed_batches"]] == [2]
    assert [erasure["id"] for erasure in document["open_erasures"]] == ["one"]


def test_the_status_counts_events_that_no_run_can_see_yet(stack):
    for _ in range(2):
        stack.aws.client("sqs").send_message(QueueUrl=stack.outputs["EventQueueUrl"], MessageBody="an event")
    assert "events     2 events on the way into the queue\npending    nothing" in stack.pomona("status").stdout
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["events"] == 2


def test_a_document_of_a_later_release_is_refused(stack):
    write(stack, "results/latest.json", {"format": 2})
    told = stack.pomona("status")
    assert (told.exit_code, "results/latest.json has format 2" in told.stderr) == (1, True)


def record(stack: CliStack, batch: str, seconds: float = 61.0) -> None:
    counts = {"done": 5, "errors": 0}
    write(
        stack, f"runs/{batch}-1.json", {"batch_id": batch, "keys": 5, "images": counts, "seconds": {"total": seconds}}
    )


def test_runs_are_told_with_what_was_billed(stack):
    # Given two recorded runs, of which one was billed
    oldest, newest = "20261120T120100000Z-abc", "20261120T120200000Z-abc"
    for batch in (oldest, newest):
        record(stack, batch)
    bill(stack.s3, stack.lake, succeeded(f"featurize-{newest}-1", billed=BilledHours(0.5, 2.0, 0.0)))
    # When runs are asked for
    told, unbilled = lines(stack.pomona("runs", "--json").stdout)
    # Then the newest is first, and an unknown cost is not guessed
    assert (told["batch"], told["attempt"], told["state"]) == (newest, 1, "SUCCESS")
    assert told["billed"]["vcpu_hours"] == 0.5
    assert (told["cost"], told["currency"]) == (pytest.approx(0.5 * 0.052624 + 2 * 0.0057785), "USD")
    assert (unbilled["billed"], unbilled["cost"]) == (None, None)
    table = stack.pomona("runs").stdout
    assert "1 min 1 s" in table
    assert "unknown" in table
    assert len(lines(stack.pomona("runs", "--limit", "1", "--json").stdout)) == 1


def test_refits_are_told_among_the_runs_with_what_was_billed(stack):
    # Given a refit between two featurize runs, which EMR Serverless has forgotten, as it does after a while
    before, after = "20261120T120000000Z-abc", "20261120T140000000Z-abc"
    refit = "refit-42-20261120T130000000Z"
    for batch in (before, after):
        record(stack, batch)
    bill(stack.s3, stack.lake, succeeded(refit, seconds=125, billed=BilledHours(0.25, 1.0, 0.0)))
    # When runs are asked for
    told = lines(stack.pomona("runs", "--json").stdout)
    # Then the refit is in its place, with its time and cost
    assert [run["batch"] for run in told] == [after, refit, before]
    assert (told[1]["attempt"], told[1]["seconds"], told[1]["state"]) == (None, 125, "SUCCESS")
    assert told[1]["cost"] == pytest.approx(0.25 * 0.052624 + 1.0 * 0.0057785)
    shown = stack.pomona("runs").stdout
    assert all(cell in shown for cell in (refit, "2 min 5 s", "0.250", "0.0189 USD"))


def test_the_last_refit_is_told_with_its_cost(stack):
    # Given results of a snapshot that was refitted twice; a later refit of it failed, and another's is not the last
    write(stack, "results/latest.json", {"snapshot_id": 42, "rows": 7, "components": 3, "variance": 0.95})
    bill(stack.s3, stack.lake, succeeded("refit-42-20261120T130000000Z", seconds=30))
    bill(stack.s3, stack.lake, succeeded("refit-42-20261121T130000000Z", seconds=125))
    bill(stack.s3, stack.lake, failed("refit-42-20261122T130000000Z", "no memory"))
    bill(stack.s3, stack.lake, succeeded("refit-421-20261123T130000000Z"))
    # When the status is asked for
    shown = stack.pomona("status").stdout
    (document,) = lines(stack.pomona("status", "--json").stdout)
    # Then the last refit is the one that wrote the results
    assert (
        "last refit snapshot 42: rows 7, components 3, variance 0.950, took 2 min 5 s, 0.250 vCPU-hours, "
        "cost 0.0189 USD\n"
    ) in shown
    assert document["last_refit"]["run"]["name"] == "refit-42-20261121T130000000Z"
    assert document["last_refit"]["run"]["cost"] > 0


def test_a_failed_run_is_told_with_its_reason_and_cost(stack):
    # Given a run and a refit that failed, which EMR Serverless has forgotten
    bill(stack.s3, stack.lake, failed(f"featurize-{BATCH}-2", "run 00a ended as FAILED: \x1b[31mno memory"))
    bill(stack.s3, stack.lake, failed("refit-42-20261120T130000000Z", "run 00b ended as FAILED: no disk", billed=None))
    # When runs are asked for
    told = stack.pomona("runs", "--json")
    refit, featurize = lines(told.stdout)
    shown = stack.pomona("runs").stdout
    # Then each has its reason; a cost that is not known yet is not guessed
    assert featurize["details"] == "run 00a ended as FAILED: \x1b[31mno memory"
    assert (featurize["state"], featurize["attempt"], featurize["cost"] > 0) == ("FAILED", 2, True)
    assert (refit["details"], refit["cost"]) == ("run 00b ended as FAILED: no disk", None)
    assert rf"{BATCH}, attempt 2: run 00a ended as FAILED: \x1b[31mno memory" in shown
    assert "refit-42-20261120T130000000Z: run 00b ended as FAILED: no disk" in shown


def test_a_bill_of_an_earlier_release_is_still_read(stack):
    # Given the bill of a release that wrote neither a cost nor a reason
    earlier = {"batch_id": BATCH, "attempt": 1, "run_id": "00a", "state": "SUCCESS", "seconds": 60}
    hours = {"vcpu_hours": 0.5, "memory_gb_hours": 2.0, "storage_gb_hours": 0.0}
    write(stack, f"runs/{BATCH}-1.billed.json", {**earlier, **hours})
    # When runs are asked for, then the cost is computed at the present prices
    (told,) = lines(stack.pomona("runs", "--json").stdout)
    assert (told["cost"], told["seconds"]) == (pytest.approx(0.5 * 0.052624 + 2 * 0.0057785), 60)


# backfill


def test_backfill_marks_what_the_bucket_lists_and_what_only_the_table_has(stack):
    stack.put("a/1.jpg", "a/2.jpg", *HOSTILE)
    stack.append(stack.row("a/1.jpg"), stack.row("gone/1.jpg"), stack.row("other.jpg", bucket="another-bucket"))
    told = stack.pomona("backfill")
    assert told.exit_code == 0, told.stderr
    assert "10 keys are in the queue, in 1 segment: the bucket lists 9, and 1 is only in the table." in told.stdout
    assert stack.dirty() == sorted(["a/1.jpg", "a/2.jpg", "gone/1.jpg", *HOSTILE])


def test_backfill_before_the_first_run_needs_no_table(stack):
    stack.put("a.jpg")
    assert "1 key is in the queue, in 1 segment:" in stack.pomona("backfill").stdout


def test_a_dry_run_writes_nothing(stack):
    stack.put("a.jpg")
    told = stack.pomona("backfill", "--dry-run", "--json")
    assert lines(told.stdout)[0]["marked"] == 1
    assert stack.dirty() == []


def test_backfill_keeps_to_the_prefix_in_the_bucket_and_in_the_table(stack):
    stack.put("a/1.jpg", "b/1.jpg")
    stack.append(stack.row("a/gone.jpg"), stack.row("b/gone.jpg"))
    stack.pomona("backfill", "--prefix", "a/")
    assert stack.dirty() == ["a/1.jpg", "a/gone.jpg"]


def test_backfill_since_a_day_takes_newer_objects_and_all_that_are_gone(stack):
    stack.put("a.jpg")
    stack.append(stack.row("gone.jpg"))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    told = stack.pomona("backfill", "--since", tomorrow)
    assert "1 of them older than --since" in told.stdout
    assert stack.dirty() == ["gone.jpg"]


def test_backfill_marks_only_what_the_stack_takes_for_images(aws):
    stack = CliStack(aws, "cli-selection", IMAGES_PREFIXES="a/,c/", IMAGES_SUFFIXES=".jpg")
    stack.put("a/1.jpg", "a/notes.txt", "b/1.jpg", "c/1.jpg")
    stack.pomona("backfill")
    assert stack.dirty() == ["a/1.jpg", "c/1.jpg"]


def test_backfill_leaves_ignored_names_out_and_marks_the_rows_that_they_have(aws):
    stack = CliStack(aws, "cli-ignored", IGNORED_NAMES=".DS_Store,._*")
    stack.put("a/1.jpg", "a/.DS_Store", "a/._1.jpg", "b/.ds_store")
    stack.append(stack.row("a/1.jpg"), stack.row("a/.DS_Store", error="not an image", features=None))
    told = stack.pomona("backfill")
    assert "the bucket lists 1, and 0 are only in the table. 1 row will go: their names are ignored" in told.stdout
    assert stack.dirty() == ["a/.DS_Store", "a/1.jpg"]


def test_many_keys_become_several_segments_of_the_queue(stack):
    stack.append(*(stack.row(f"gone/{number:05d}.jpg", features=None, error="e") for number in range(10_001)))
    stack.pomona("backfill")
    segments = [parse_segment_name(name) for name in stack.aws.keys(stack.lake, "queue/pending/")]
    assert sorted(segment.keys for segment in segments) == [1, 10_000]
    assert len(set(stack.dirty())) == 10_001


def test_a_backfill_that_is_interrupted_says_so_and_can_be_repeated(stack):
    # Given a backfill that has begun
    stack.append(*(stack.row(f"gone/{number:05d}.jpg", features=None, error="e") for number in range(100)))
    path = os.pathsep.join(str(ROOT / folder) for folder in ("cli", "contract", "functions"))
    environment = {**os.environ, **stack.environment(), "PYTHONPATH": path}
    command = [sys.executable, "-c", STOPS_AT_THE_TABLE, "backfill"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        # When Ctrl-C is pressed
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    # Then it ends with 130 and a sentence, and a repetition marks everything
    assert (process.returncode, "start it again to mark all" in told) == (130, True), told
    assert "100 keys are in the queue" in stack.pomona("backfill").stdout


# retry


def test_retry_puts_a_failed_batch_back_once(stack):
    fail(stack, BATCH, "a", "b")
    told = stack.pomona("retry", BATCH)
    assert told.exit_code == 0, told.stderr
    assert stack.dirty() == ["a", "b"]
    again = stack.pomona("retry", BATCH)
    assert (again.exit_code, f"There is no failed batch '{BATCH}'. Failed are: none" in again.stderr) == (1, True)


def test_retry_all_puts_every_batch_back(stack):
    fail(stack, "20261119T120000000Z-1", "a")
    fail(stack, "20261119T120000000Z-2", "b")
    told = stack.pomona("retry", "--all", "--json")
    assert [one["batch_id"] for one in lines(told.stdout)] == ["20261119T120000000Z-1", "20261119T120000000Z-2"]
    assert stack.dirty() == ["a", "b"]
    assert stack.pomona("retry", "--all").stdout == "No batch has failed.\n"


@pytest.mark.parametrize("words", [("retry",), ("retry", BATCH, "--all")])
def test_retry_asks_for_one_or_all(common, words):
    told = common.pomona(*words)
    assert (told.exit_code, "either a BATCH or --all" in told.stderr) == (1, True)


def test_retry_of_errors_marks_just_those_keys(stack):
    # Given errors of two kinds in two folders, an image that could be read, and an error in another bucket
    large, text = "too large: 5,000 pixels are above the limit of 1,000", "not an image: it begins with text"
    stack.append(
        stack.row("a/1.jpg", error=large, features=None),
        stack.row("a/2.jpg", error=text, features=None),
        stack.row("a/3.jpg"),
        stack.row("b/1.jpg", error=large, features=None),
    )
    stack.append(stack.row("c/1.jpg", error=text, features=None, bucket="another-bucket"))
    # When those of one reason below a prefix are retried, then those alone are in the queue
    told = stack.pomona("retry", "--errors", "--prefix", "a/", "--reason", "Too Large")
    assert (told.exit_code, told.stdout) == (0, "1 key is in the queue, in 1 segment.\n"), told.stderr
    assert stack.dirty() == ["a/1.jpg"]
    # and without a choice all errors are
    told = stack.pomona("retry", "--errors", "--json")
    assert lines(told.stdout) == [{"marked": 3, "segments": 1}]
    assert stack.dirty() == ["a/1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg"]
    # and where there is none, nothing is written
    told = stack.pomona("retry", "--errors", "--prefix", "zebra/")
    assert (told.exit_code, told.stdout) == (0, "No image has such an error.\n")
    assert len(stack.dirty()) == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retry", BATCH, "--errors"), "a BATCH or --all, or --errors"),
        (("retry", "--all", "--errors"), "a BATCH or --all, or --errors"),
        (("retry", "--all", "--prefix", "a/"), "choose among the --errors"),
        (("retry", BATCH, "--reason", "x"), "choose among the --errors"),
    ],
)
def test_retry_of_errors_and_of_batches_are_two_things(common, words, sentence):
    told = common.pomona(*words)
    assert (told.exit_code, sentence in told.stderr) == (1, True)


def test_retry_of_errors_writes_many_keys_in_several_segments(stack):
    stack.append(*(stack.row(f"bad/{number:05d}.jpg", features=None, error="e") for number in range(10_001)))
    assert "10001 keys are in the queue, in 2 segments." in stack.pomona("retry", "--errors").stdout
    assert len(set(stack.dirty())) == 10_001


# discard


def test_discard_lets_go_of_a_failed_batch_after_a_question(stack):
    # Given two failed batches
    fail(stack, "20261119T120000000Z-1", "a", "b")
    fail(stack, "20261119T120000000Z-2", "c")
    # When nobody can be asked, then nothing happens, and what would go is told
    asked = stack.pomona("discard", "20261119T120000000Z-1")
    assert (asked.exit_code, "pass --yes. Nothing was discarded." in asked.stderr) == (1, True)
    assert r"20261119T120000000Z-1: 2 keys, failed because Job failed: \x1b[31mno memory" in asked.stderr
    # When it is meant, then only that batch is gone
    told = stack.pomona("discard", "20261119T120000000Z-1", "--yes")
    assert (told.exit_code, told.stdout) == (0, "20261119T120000000Z-1: discarded.\n")
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert [batch["batch_id"] for batch in document["failed_batches"]] == ["20261119T120000000Z-2"]
    assert stack.dirty() == []
    gone = stack.pomona("discard", "20261119T120000000Z-1", "--yes")
    assert (gone.exit_code, "There is no failed batch" in gone.stderr) == (1, True)


# a line that is paused


def test_a_paused_line_and_a_waiting_batch_are_told_and_resumed(stack):
    # Given a batch that waits for its second attempt, and a line that is paused
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=waiting_claim().to_json())
    pause = FailurePause(("a", BATCH), "2999-01-01T00:00:00.000Z", "Glue says \x1b[31mno")
    stack.s3.put_object(Bucket=stack.lake, Key=FAILURE_PAUSE, Body=pause.to_json())
    # Then the status says so
    told = stack.pomona("status").stdout
    assert r"waiting (not before 2999-01-01T00:00:00.000Z: Glue says \x1b[31mno)" in told
    assert "paused     until 2999-01-01 00:00:00 UTC: 2 batches failed in a row" in told
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert (document["in_flight"]["state"], document["line"]["is_paused"]) == ("waiting", True)
    # When an operator resumes it, then neither waits any longer
    assert stack.pomona("resume").exit_code == 0
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["line"]["failed"] == []
    assert document["in_flight"]["state"] != "waiting"


# a claim that cannot be read


@pytest.mark.parametrize("body", [b"", b"[]", b'{"format": 1, "batch', b'{"format": 99}', b"\xff\x00"])
def test_an_unreadable_claim_is_told_in_a_sentence_and_repaired(stack, body):
    # Given a pending segment, and a claim that nobody can read
    SegmentWriter(Lake(stack.s3, stack.lake), lambda step: None).write([DirtyKey(stack.images, "a", "t")], "r")
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=body)
    # Then every command that needs it says so, and what to do
    for words in (("status",), ("resume",)):
        told = stack.pomona(*words)
        said = told.stdout + told.stderr
        assert "queue/active.json" in said
        assert "`pomona repair`" in said
        assert "Traceback" not in said
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["problem"].startswith("queue/active.json ")
    # When nobody can be asked, nothing changes; when it is meant, the claim lies aside and its keys are pending
    assert stack.pomona("repair").exit_code == 1
    told = stack.pomona("repair", "--yes", "--json")
    (said,) = lines(told.stdout)
    assert stack.s3.get_object(Bucket=stack.lake, Key=said["set_aside"])["Body"].read() == body
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert (document["problem"], document["in_flight"], document["pending"]["keys"]) == ("", None, 1)
    assert "nothing to repair" in stack.pomona("repair").stdout


def failed_runs(stack: CliStack) -> list[dict]:
    return [run for run in lines(stack.pomona("runs", "--json").stdout) if run["state"] == "FAILED"]


def test_a_retried_batch_runs_soon_and_its_logs_are_found(aws):
    # Given a stack whose runs start at once, and fail: there is no job in its lake
    stack = CliStack(aws, "cli-runs", LAUNCH_AFTER_MINUTES="0", MAX_ATTEMPTS="1")
    fail(stack, BATCH, "a")
    # When the batch is retried
    stack.pomona("retry", BATCH)
    # Then a run starts without waiting for the clock, and fails
    (run,) = until(lambda: failed_runs(stack), 60, "it failed")
    assert run["attempt"] == 1
    assert run["details"]
    assert run["cost"] > 0
    # and when its logs are in CloudWatch, they are shown
    logs = aws.client("logs")
    name = f"featurize-{run['batch']}-1/jobs/SPARK_DRIVER/stderr"
    group = stack.outputs["RunLogsName"]
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    now = int(datetime.now(UTC).timestamp() * 1000)
    events = [{"timestamp": now, "message": "first \x1b[31mred"}, {"timestamp": now + 1, "message": "second"}]
    logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=events)
    told = stack.pomona("logs", run["batch"])
    assert [line[20:] for line in told.stdout.splitlines()][-2:] == [r"first \x1b[31mred", "second"]
    assert name in told.stderr
    exact = lines(stack.pomona("logs", run["batch"], "--attempt", "1", "--json").stdout)
    assert exact[-1]["message"] == "second"
    assert stack.pomona("logs", run["batch"], "--attempt", "2").exit_code == 1


def test_logs_of_an_unknown_batch_are_refused(common):
    told = common.pomona("logs", "none")
    assert (told.exit_code, "No run of none has written" in told.stderr) == (1, True)
    assert "The name of the batch is empty" in common.pomona("logs", "").stderr


# errors and export


@pytest.fixture(scope="module")
def filled(aws: LocalServer) -> CliStack:
    """A stack with images that could be read and some that could not, in two data files."""
    stack = CliStack(aws, "cli-filled")
    bad = [stack.row(f"bad/{key}", error=f"=broken {number}", features=None) for number, key in enumerate(HOSTILE)]
    stack.append(*bad, stack.row("apple/1.jpg"))
    stack.append(stack.row("kiwi/1.jpg", backbone="other@1", features=[0.25, -1.5]))
    return stack


def test_before_the_first_run_there_is_no_table(common):
    for words in (("errors",), ("export", "x.csv")):
        told = common.pomona(*words)
        assert (told.exit_code, "There is no feature table cli_common.features yet" in told.stderr) == (1, True)


def test_errors_are_told_with_key_and_reason(filled):
    told = filled.pomona("errors")
    assert told.exit_code == 0, told.stderr
    assert r"bad/\x1b[31mred.jpg" in told.stdout
    assert "apple" not in told.stdout
    assert "\x1b" not in told.stdout
    assert "There are more than 2" in filled.pomona("errors", "--limit", "2").stdout
    told = filled.pomona("errors", "--prefix", "apple/")
    assert told.stdout.startswith("No image below the prefix 'apple/' has an error.\n")


def test_errors_are_told_beside_what_the_table_has_in_all(filled):
    sentence = f"In all the table has {len(HOSTILE) + 2} rows, {len(HOSTILE)} of them with an error (77.8 %).\n"
    assert filled.pomona("errors", "--limit", "1").stdout.endswith(sentence)
    assert filled.pomona("errors", "--prefix", "apple/").stdout.endswith(sentence)
    assert filled.pomona("errors", "--by", "reason").stdout.endswith(sentence)
    for form in ("--csv", "--json"):  # where somebody reads rows, it is beside them
        told = filled.pomona("errors", form)
        assert (told.stderr, sentence in told.stdout) == (sentence, False)


@pytest.fixture(scope="module")
def failing(aws: LocalServer) -> CliStack:
    """A stack with errors of several reasons and folders, in two data files, of which rows have been deleted."""
    stack = CliStack(aws, "cli-failing")

    def error(key: str, reason: str) -> dict:
        return stack.row(key, error=reason, features=None)

    sizes = [error(f"b/sub/{n}.jpg", f"too large: {n},000 bytes is above the limit of 9") for n in range(3, 0, -1)]
    stack.append(*sizes, error("top.txt", "not an image"), stack.row("b/good.jpg"))
    stack.append(error("a/=1.txt", "not an image"), error("a/2.txt", "=damaged"), error("a/gone.txt", "not an image"))
    stack.table().delete("key = 'a/gone.txt'")
    return stack


def test_errors_are_sorted_by_key_across_data_files(failing):
    keys = ["a/2.txt", "a/=1.txt", "b/sub/1.jpg", "b/sub/2.jpg", "b/sub/3.jpg", "top.txt"]
    assert [one["key"] for one in lines(failing.pomona("errors", "--json").stdout)] == keys
    rows = csv.DictReader(io.StringIO(failing.pomona("errors", "--csv").stdout, newline=""))
    assert [row["key"] for row in rows] == keys
    shown = failing.pomona("errors", "--limit", "2").stdout
    assert shown.index("a/2.txt") < shown.index("a/=1.txt")
    assert "b/sub" not in shown


def test_errors_of_a_reason_are_found_in_any_case(failing):
    told = lines(failing.pomona("errors", "--reason", "NOT AN", "--json").stdout)
    assert [one["key"] for one in told] == ["a/=1.txt", "top.txt"]
    told = failing.pomona("errors", "--reason", "no such", "--prefix", "a/").stdout
    assert told.startswith("No image below the prefix 'a/' with 'no such' in its reason has an error.\n")


def test_errors_are_counted_by_reason_whatever_their_numbers(failing):
    counted = [
        (one["errors"], one["reason"]) for one in lines(failing.pomona("errors", "--by", "reason", "--json").stdout)
    ]
    assert counted == [(3, "too large: N bytes is above the limit of N"), (2, "not an image"), (1, "=damaged")]
    shown = failing.pomona("errors", "--by", "reason", "--limit", "1").stdout
    assert "too large: N bytes" in shown
    assert "There are 3: `pomona errors --by reason --csv` gives all." in shown
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(failing.pomona("errors", "--by", "reason", "--csv").stdout))
        if row["errors"] == "1"
    ]
    assert row == {"reason": "'=damaged", "errors": "1", "example": "a/2.txt"}


def test_errors_are_counted_by_folder(failing):
    counted = [
        (one["errors"], one["folder"]) for one in lines(failing.pomona("errors", "--by", "folder", "--json").stdout)
    ]
    assert counted == [(3, "b/sub"), (2, "a"), (1, "")]
    assert "(no folder)" in failing.pomona("errors", "--by", "folder").stdout
    told = failing.pomona("errors", "--by", "folder", "--reason", "not", "--prefix", "a/", "--json").stdout
    assert lines(told) == [{"folder": "a", "errors": 1, "example": "a/=1.txt"}]


def test_more_groups_than_memory_has_room_for_are_counted_together(failing, monkeypatch):
    monkeypatch.setattr("pomona_cli.error_rows.MOST_GROUPS", 1)
    told = lines(failing.pomona("errors", "--by", "folder", "--json").stdout)
    # Then the first folder that was read is a group, and all others are another one
    found = {one["folder"]: one["errors"] for one in told}
    (first,) = found.keys() - {None}
    assert found == {first: {"b/sub": 3, "a": 2, "": 1}[first], None: 6 - found[first]}
    assert "(in further groups)" in failing.pomona("errors", "--by", "folder").stdout


def test_errors_as_json_are_exact(filled):
    told = lines(filled.pomona("errors", "--json").stdout)
    assert sorted(one["key"] for one in told) == sorted(f"bad/{key}" for key in HOSTILE)


def test_errors_as_csv_hold_no_formula(filled):
    rows = list(csv.DictReader(io.StringIO(filled.pomona("errors", "--csv").stdout, newline="")))
    assert sorted(row["key"] for row in rows) == sorted(f"bad/{key}" for key in HOSTILE)
    assert {row["error"][:2] for row in rows} == {"'="}


def test_export_to_parquet_is_the_table_as_it_is(filled, tmp_path):
    target = tmp_path / "table.parquet"
    told = filled.pomona("export", str(target))
    assert told.exit_code == 0, told.stderr
    table = pq.read_table(target)
    rows = {row["key"]: row for row in table.to_pylist()}
    assert len(rows) == len(HOSTILE) + 2
    assert rows["kiwi/1.jpg"]["features"] == [0.25, -1.5]
    assert rows["apple/1.jpg"]["features"] == [0.5] * FEATURES
    assert rows["bad/=1+1.jpg"]["features"] is None
    assert not list(tmp_path.glob("*.partial"))


def test_export_to_csv_has_a_column_for_each_feature(filled, tmp_path):
    target = tmp_path / "table.csv"
    filled.pomona("export", str(target))
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(target.read_text(), newline=""))}
    names = [f"f{number}" for number in range(FEATURES)]
    assert [rows["apple/1.jpg"][name] for name in names] == ["0.5"] * FEATURES
    assert [rows["kiwi/1.jpg"][name] for name in names] == ["0.25", "-1.5", *[""] * (FEATURES - 2)]
    assert {rows["bad/=1+1.jpg"][name] for name in names} == {""}
    assert rows["bad/=1+1.jpg"]["error"] == "'=broken 0"


def test_export_takes_a_label_or_a_prefix(filled, tmp_path):
    for words in (("--label", "kiwi"), ("--prefix", "kiwi/")):
        told = filled.pomona("export", "-", "--format", "csv", *words)
        assert [row["key"] for row in csv.DictReader(io.StringIO(told.stdout))] == ["kiwi/1.jpg"]


@pytest.mark.parametrize("label", ["P\u00eache", "Pe\u0302che"])
def test_export_takes_a_label_as_either_keyboard_writes_it(aws, stack, label):
    # Given rows with the label in NFC, and one of an earlier release with the label as macOS writes it
    stack.append(stack.row("P\u00eache/1.jpg"), stack.row("Pe\u0302che/2.jpg"), stack.row("Peche/3.jpg"))
    told = stack.pomona("export", "-", "--format", "csv", "--label", label)
    keys = [row["key"] for row in csv.DictReader(io.StringIO(told.stdout))]
    assert keys == ["P\u00eache/1.jpg", "Pe\u0302che/2.jpg"]


def test_export_refuses_a_file_that_it_cannot_write_or_name(filled, tmp_path):
    assert "say which with --format" in filled.pomona("export", "table.txt").stderr
    assert "cannot be written" in filled.pomona("export", str(tmp_path / "none" / "x.csv")).stderr


# erase


def erasure_of(stack: CliStack) -> dict:
    (name,) = stack.aws.keys(stack.lake, "erasures/")
    return stack.aws.read(stack.lake, name)


def version_every_object(stack: CliStack) -> None:
    stack.s3.put_bucket_versioning(Bucket=stack.images, VersioningConfiguration={"Status": "Enabled"})


def versions(stack: CliStack) -> list[str]:
    answer = stack.s3.list_object_versions(Bucket=stack.images)
    return sorted(one["Key"] for name in ("Versions", "DeleteMarkers") for one in answer.get(name, ()))


def test_erase_reaches_objects_of_ignored_names(aws):
    stack = CliStack(aws, "cli-erase-ignored", IGNORED_NAMES="._*")
    stack.put("person/1.jpg", "person/._1.jpg", "person/")
    stack.append(stack.row("person/._1.jpg"))
    assert stack.pomona("erase", "person/", "--yes").exit_code == 0
    assert versions(stack) == []
    assert stack.dirty() == ["person/", "person/._1.jpg", "person/1.jpg"]


def test_erase_deletes_all_versions_marks_objects_and_rows_and_leaves_a_request(stack):
    # Given versions, a delete marker, rows of the prefix, and a neighbour whose name begins like it
    version_every_object(stack)
    stack.put("person/1.jpg", "person/1.jpg", "person/2.jpg", "person-2/1.jpg")
    stack.s3.delete_object(Bucket=stack.images, Key="person/1.jpg")
    stack.append(stack.row("person/1.jpg"), stack.row("person/gone.jpg"), stack.row("person-2/1.jpg"))
    # When the prefix is erased
    before = datetime.now(UTC)
    told = stack.pomona("erase", "person/", "--yes")
    # Then nothing of it is left in the bucket, its keys are dirty, and the request is open
    assert told.exit_code == 0, told.stderr
    assert "2 objects (4 versions), 2 rows" in told.stderr
    assert versions(stack) == ["person-2/1.jpg"]
    assert stack.dirty() == ["person/1.jpg", "person/2.jpg", "person/gone.jpg"]
    erasure = erasure_of(stack)
    assert (erasure["format"], erasure["bucket"], erasure["prefix"]) == (1, stack.images, "person/")
    assert (erasure["keys"], erasure["state"], erasure["final_at"]) == ([], "open", None)
    assert datetime.fromisoformat(erasure["requested_at"]) >= before
    assert "erasure" in stack.pomona("status").stdout


def test_erase_takes_keys_from_a_file_also_those_that_nobody_knows(stack, tmp_path):
    stack.put("a", "a/b", *HOSTILE)
    keys = tmp_path / "keys.jsonl"
    keys.write_text("".join(json.dumps(key) + "\n" for key in ["a", "un\nknown", *HOSTILE]))
    told = stack.pomona("erase", "--keys-from", str(keys), "--yes")
    assert told.exit_code == 0, told.stderr
    assert versions(stack) == ["a/b"]
    assert stack.dirty() == sorted(["a", "un\nknown", *HOSTILE])
    assert erasure_of(stack)["keys"] == ["a", "un\nknown", *HOSTILE]
    assert "1 key is neither in the bucket nor in the table" in told.stderr


def test_erase_of_more_objects_than_a_listing_has_leaves_none(stack):
    stack.put(*(f"p/{number:04d}" for number in range(1_005)), "q")
    told = stack.pomona("erase", "p/", "--yes", "--json")
    assert lines(told.stdout)[0]["versions"] == 1_005
    assert versions(stack) == ["q"]
    assert len(stack.dirty()) == 1_005


def test_erase_asks_and_changes_nothing_without_a_yes(stack):
    stack.put("a/1")
    for words, told in (
        (("erase", "a/"), "pass --yes"),
        (("erase", "a/", "--dry-run"), "1 object (1 version), 0 rows"),
    ):
        assert told in stack.pomona(*words).stderr
    assert (versions(stack), stack.dirty(), stack.aws.keys(stack.lake, "erasures/")) == (["a/1"], [], [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("",), "An empty prefix is every image"),
        ((), "either a PREFIX or --keys-from"),
        (("a", "--keys-from", "/dev/null"), "either a"),
    ],
)
def test_erase_refuses_what_names_nothing_or_everything(common, words, sentence):
    told = common.pomona("erase", *words, "--yes")
    assert (told.exit_code, sentence in told.stderr) == (1, True), told.stderr


def test_an_interrupted_erase_is_seen_and_goes_on_under_its_own_id(stack):
    # Given an erasure that was begun and whose objects are not all deleted
    stack.put("a/1")
    about = {"requested_at": "2026-11-20T12:00:00.000Z", "bucket": stack.images, "prefix": "a/", "keys": []}
    write(stack, "erasures/open/begun.json", {"id": "begun", **about, "state": "deleting", "final_at": None})
    assert "begun" in stack.pomona("status").stdout
    # When it is repeated
    stack.pomona("erase", "a/", "--yes")
    # Then it is the same request, now open, and newer than what was deleted
    erasure = erasure_of(stack)
    assert (erasure["id"], erasure["state"]) == ("begun", "open")
    assert erasure["requested_at"] > "2026-11-21"
    # and still open since it was first asked for
    assert erasure["first_requested_at"] == about["requested_at"]
    assert "is open since 2026-11-20 12:00:00" in stack.pomona("status").stdout


def test_an_erase_that_finds_nothing_says_so_and_goes_on(stack):
    stack.put("person-1/a" + "b" * 1000)
    told = stack.pomona("erase", "persn-1/", "--yes")
    assert (told.exit_code, "Nothing of the prefix 'persn-1/' is in the bucket or the table" in told.stderr) == (
        0,
        True,
    )
    shown = stack.pomona("erase", "person-1/", "--dry-run").stderr
    assert max(map(len, shown.splitlines())) < 150
