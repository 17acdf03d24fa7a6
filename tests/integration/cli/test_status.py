"""`pomona status`."""

from datetime import UTC, datetime, timedelta

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.lake_layout import NOTHING_TO_FIT
from tests.bills import bill, failed, succeeded
from tests.cli_documents import BATCH, VIEW, fail, lines, user, write
from tests.cli_stack import CliStack


def test_the_status_of_an_empty_stack_says_so(common):
    told = common.pomona("status")
    assert told.exit_code == 0
    assert (
        "table      0 images\npending    nothing\nin flight  nothing\nlast refit none yet\nnext refit 2" in told.stdout
    )
    assert ": it starts when the table has 2 images\n" in told.stdout
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
    credentials = user(aws, "alarmed", *VIEW, "cloudwatch:DescribeAlarms")
    told = stack.pomona("status", **credentials)
    (document,) = lines(stack.pomona("status", "--json", **credentials).stdout)
    # Then the one is shown, and nothing that steers a terminal
    (alarm,) = document["alarms"]
    assert (alarm["name"], alarm["runbook"]) == ("StuckEventsAlarm", "docs/operations.md#stuckeventsalarm")
    (line,) = (line for line in told.stdout.splitlines() if line.startswith("alarm "))
    assert "StuckEventsAlarm is on since 20" in line
    assert r"too \x1b[31mold" in line


def test_the_table_and_its_next_refit_are_told(stack):
    # Given three images of which the last refit saw two, and a report
    stack.append(stack.row("a/1.jpg"), stack.row("b/1.jpg"))
    fitted = stack.table().current_snapshot().snapshot_id
    counts = {"rows": 1, "images": 2, "errors": 1, "classes": 1}
    write(stack, "results/latest.json", {"snapshot_id": fitted, "prefix": f"results/{fitted}/", **counts})
    unchanged = stack.pomona("status").stdout
    stack.append(stack.row("c/1.jpg"))
    # When the status is asked for
    shown = stack.pomona("status", COLUMNS="80").stdout
    (document,) = lines(stack.pomona("status", "--json").stdout)
    # Then it counts the images of now, and says what is as old as the refit
    assert "table      3 images; at the last refit 2 images, 1 error, 1 class\n" in shown
    assert document["images"] == 3
    assert document["at_the_last_refit"] == {"images": 2, "with_features": 1, "errors": 1, "classes": 1}
    # And when the next refit is, and whether it has something to do
    tomorrow = (datetime.now(UTC) - timedelta(hours=3)).date() + timedelta(days=1)
    assert f"next refit {tomorrow} 03:00:00, in " in shown
    assert ": rows have changed\n" in shown
    assert ": it starts if rows or settings change\n" in unchanged
    assert document["next_refit"]["next_at"] == f"{tomorrow}T03:00:00.000Z"
    assert (document["needs_refit"], document["next_refit"]["expression"]) == (True, "cron(0 3 * * ? *)")
    # And where the report is, at 80 columns
    assert document["report"] == f"s3://{stack.lake}/results/{fitted}/report.html"
    assert document["report"] in shown
    assert max(len(line) for line in shown.splitlines() if "s3://" not in line) <= 80


def test_messages_that_nobody_could_read_are_told(stack):
    stack.aws.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody="no event")
    assert "dead       1 message that ingest did not accept. What to do: docs/operations.md#deadletteralarm" in (
        stack.pomona("status").stdout
    )
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["dead_letters"] == 1


def test_why_a_refit_has_no_results_is_told(stack):
    content = {"table_uuid": "t", "snapshot_id": 1, "components_asked": "2", "backbone": "b@1", "stale": 4}
    found_at = "2026-11-20T12:00:00+00:00"
    write(stack, NOTHING_TO_FIT, NothingToFit(**content, reason="all are the same", found_at=found_at).document())
    assert (
        "note       the refit at 2026-11-20 12:00:00 had nothing to fit: all are the same. "
        "4 images of another backbone: run `pomona backfill`.\n"
    ) in stack.pomona("status").stdout
