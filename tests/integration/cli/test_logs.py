"""`pomona logs`."""

from datetime import UTC, datetime

from tests.cli_documents import BATCH, fail, lines
from tests.cli_stack import CliStack
from tests.local_server import until


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
    told = common.pomona("logs", "")
    assert (told.exit_code, "The name of the batch is empty" in told.stderr) == (2, True)
