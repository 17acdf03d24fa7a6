"""For each alarm of the template: a fault that raises it, by the real way, and what mends that fault.

A fault is a generator: it causes the fault and yields, then mends it. Around it the test lets CloudWatch's clock go on.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog

from demo.deploy import STACK
from pomona_contract.segment_lines import DirtyKey, encode_lines
from pomona_contract.times import iso, stamp
from tests.cli_stack import SCHEMA, run_pomona
from tests.local_server import REGION, until
from tests.told_runs import ToldServer

PATIENCE_SECONDS = 30
LOOK_SECONDS = 5
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alarms"


@dataclass
class Deployed:
    """The deployed template with its alarms, and a hand on CloudWatch's clock."""

    aws: ToldServer
    outputs: dict[str, str]
    stack: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        described = self.aws.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        self.stack = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in described}
        self.lake, self.images = self.outputs["LakeBucketName"], self.outputs["ImagesBucketName"]

    def evaluate(self, minutes: float = 0) -> datetime:
        """Evaluate the alarms, after some minutes of CloudWatch's; the moment of it."""
        now = self._post("alarms/evaluate")["at"]
        if not minutes:
            return datetime.fromisoformat(now)
        at = datetime.fromisoformat(now) + timedelta(minutes=minutes)
        return datetime.fromisoformat(self._post(f"alarms/evaluate?at={urllib.parse.quote(at.isoformat())}")["at"])

    def _post(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.aws.endpoint}/_local/{path}", method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def alarm(self, name: str) -> dict[str, Any]:
        """An alarm, by its logical id, as DescribeAlarms has it."""
        (found,) = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[self.stack[name]])["MetricAlarms"]
        return found

    def fire(self, name: str) -> None:
        """Fire a schedule now."""
        assert self._post(f"schedules/{name}/fire")["fired"]

    def look(self) -> None:
        """Let `advance` look at the queue, as its clock does."""
        self.wait_for("Looks", lambda: self.fire(self.stack["AdvanceFunctionClock"]))

    def drop(self) -> None:
        """Drop an object into the images bucket."""
        self.aws.client("s3").put_object(Bucket=self.images, Key=f"class/{uuid.uuid4().hex}.jpg", Body=b"image")

    def keys(self, prefix: str) -> list[str]:
        return self.aws.keys(self.lake, prefix)

    def samples(self, metric: str) -> float:
        """How many values of a metric the functions have written to their logs."""
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="Pomona",
            MetricName=metric,
            Dimensions=[{"Name": "service", "Value": STACK}],
            StartTime=datetime.now(UTC) - timedelta(days=1),
            EndTime=datetime.now(UTC) + timedelta(days=14),
            Period=3600,
            Statistics=["SampleCount"],
        )
        return sum(point["SampleCount"] for point in found["Datapoints"])

    def wait_for(self, metric: str, act: Callable[[], None]) -> None:
        """Do something, and wait for what the functions measure of it."""
        before = self.samples(metric)
        act()
        self.until(lambda: self.samples(metric) > before, f"{metric} is measured")

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait; `advance` looks now and then: a told run may end before it is recorded, and its event is then lost."""
        looked = time.monotonic()

        def look_and_ask() -> Any:
            nonlocal looked
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                self.fire(self.stack["AdvanceFunctionClock"])
            return condition()

        until(look_and_ask, PATIENCE_SECONDS, what)

    def messages(self, queue: str) -> int:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        url = self.outputs[queue]
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
        return sum(int(found[name]) for name in names)

    def wait_until_idle(self) -> None:
        """Wait until nothing waits for a run and none is in flight."""
        self.until(lambda: not self.messages("EventQueueUrl"), "the events are taken")
        self.until(lambda: not self.keys("queue/pending/") + self.keys("queue/active"), "nothing waits or runs")

    def environment(self, **changed: str) -> dict[str, str]:
        credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}
        return credentials | {"AWS_ENDPOINT_URL": self.aws.endpoint, "POMONA_STACK": STACK} | changed

    def pomona(self, *words: str, **environment: str) -> str:
        """What the command line prints."""
        told = run_pomona(words, self.environment(**environment))
        assert told.exit_code == 0, told.stderr
        return told.stdout


Steps = Iterator[None]


@dataclass(frozen=True)
class Fault:
    """A fault, and the minutes of CloudWatch's until its alarm is on and, once mended, until it is off."""

    steps: Callable[[Deployed], Steps]
    on_after: float
    off_after: float


FAULTS: dict[str, Fault] = {}


def raises(alarm: str, on_after: float = 1, off_after: float = 1) -> Callable[[Callable[[Deployed], Steps]], Any]:
    """Register the fault of an alarm."""

    def register(steps: Callable[[Deployed], Steps]) -> Callable[[Deployed], Steps]:
        FAULTS[alarm] = Fault(steps, on_after, off_after)
        return steps

    return register


@raises("DeadLetterAlarm", off_after=6)
def a_message_that_is_no_event(deployed: Deployed) -> Steps:
    sqs, queue = deployed.aws.client("sqs"), deployed.outputs["EventQueueUrl"]
    names = ["VisibilityTimeout", "RedrivePolicy"]
    shown = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    redrive = json.dumps(json.loads(shown["RedrivePolicy"]) | {"maxReceiveCount": 2})
    # or its deliveries take two hours
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": redrive})
    sqs.send_message(QueueUrl=queue, MessageBody="garbage")
    until(lambda: deployed.messages("DeadLetterQueueUrl"), 2 * PATIENCE_SECONDS, "it is a dead letter")
    yield
    sqs.purge_queue(QueueUrl=deployed.outputs["DeadLetterQueueUrl"])
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=shown)


@raises("StuckEventsAlarm", on_after=31, off_after=6)
def an_event_source_mapping_that_is_disabled(deployed: Deployed) -> Steps:
    functions = deployed.aws.client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName=deployed.stack["IngestFunction"])
    (mapping,) = mappings["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    deployed.drop()
    until(lambda: deployed.messages("EventQueueUrl"), PATIENCE_SECONDS, "the event waits")
    yield
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    deployed.wait_until_idle()


@raises("OldestPendingAlarm")
def a_run_that_does_not_end(deployed: Deployed) -> Steps:
    # Given a segment that was written three hours ago, and a run that has taken it and goes on and on
    deployed.aws.tell("RUNNING")
    written_at = datetime.now(UTC) - timedelta(hours=3)
    key = DirtyKey(deployed.images, "class/waiting.jpg", iso(written_at))
    segment = f"queue/pending/{stamp(written_at)}-000001-waiting-0.jsonl"
    deployed.aws.client("s3").put_object(Bucket=deployed.lake, Key=segment, Body=encode_lines([key]))
    deployed.wait_for("OldestPendingSeconds", deployed.look)
    yield
    deployed.aws.tell()
    deployed.wait_until_idle()
    deployed.evaluate(minutes=16)  # the maximum of a period still has what was measured before
    deployed.wait_for("OldestPendingSeconds", deployed.look)


@raises("NobodyLooksAlarm", on_after=6 * 60 + 1)
def a_clock_that_is_switched_off(deployed: Deployed) -> Steps:
    events, rule = deployed.aws.client("events"), deployed.stack["AdvanceFunctionClock"]
    events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)
    deployed.look()


# what is measured only while there is something to tell counts until its period is over
OUT_OF_RANGE = 15 + 1


@raises("FailedBatchAlarm", off_after=OUT_OF_RANGE)
def a_run_that_fails(deployed: Deployed) -> Steps:
    deployed.aws.tell("FAILED")
    deployed.drop()
    deployed.until(lambda: deployed.keys("queue/failed/"), "the batch is set aside")
    deployed.look()
    yield
    deployed.aws.tell()
    deployed.pomona("retry", "--all")
    deployed.wait_until_idle()
    deployed.look()


@raises("PausedQueueAlarm", off_after=OUT_OF_RANGE)
def two_batches_that_fail_in_a_row(deployed: Deployed) -> Steps:
    deployed.aws.tell("FAILED")
    for _ in range(2):
        before = len(deployed.keys("queue/failed/"))
        deployed.drop()
        deployed.until(lambda before=before: len(deployed.keys("queue/failed/")) > before, "the batch is set aside")
    deployed.wait_for("QueuePaused", deployed.look)
    yield
    deployed.aws.tell()
    deployed.pomona("resume")
    deployed.pomona("retry", "--all")
    deployed.wait_until_idle()


@raises("UnreadableClaimAlarm", off_after=OUT_OF_RANGE)
def a_claim_that_is_cut_off(deployed: Deployed) -> Steps:
    deployed.aws.client("s3").put_object(Bucket=deployed.lake, Key="queue/active.json", Body=b'{"format": 1, "ba')
    deployed.wait_for("ClaimUnreadable", deployed.look)
    yield
    deployed.pomona("repair", "--yes")
    deployed.wait_until_idle()


@raises("MaintenanceAlarm")
def a_run_that_cannot_maintain_the_table(deployed: Deployed) -> Steps:
    deployed.aws.tell(error="AccessDenied")
    deployed.wait_for("MaintenanceErrors", deployed.drop)
    yield
    deployed.aws.tell(done=("compacted",))
    deployed.wait_for("MaintenanceErrors", deployed.drop)


@raises("RefitOverdueAlarm")
def refits_that_fail(deployed: Deployed) -> Steps:
    # Given a table that changed two days ago
    make_table(deployed, changed_at=datetime.now(UTC) - timedelta(days=2))
    deployed.aws.tell("FAILED")
    deployed.wait_for("UnfittedSeconds", lambda: deployed.fire(f"{STACK}-refit"))
    yield
    time.sleep(1.1)  # a refit is named after the second of its schedule
    deployed.aws.tell()
    deployed.fire(f"{STACK}-refit")
    until(lambda: deployed.keys("results/latest.json"), PATIENCE_SECONDS, "the table is refitted")
    deployed.evaluate(minutes=61)
    deployed.wait_for("UnfittedSeconds", lambda: deployed.fire(f"{STACK}-refit"))


def make_table(deployed: Deployed, changed_at: datetime) -> None:
    """A feature table of two rows, whose only snapshot was committed at a moment."""
    import pyarrow as pa

    place = {"glue.endpoint": deployed.aws.endpoint, "s3.endpoint": deployed.aws.endpoint}
    credentials = {"client.access-key-id": "local", "client.secret-access-key": "local", "client.region": REGION}
    table = GlueCatalog("lake", **place, **credentials).create_table(
        deployed.outputs["TableName"], SCHEMA, location=f"s3://{deployed.lake}/warehouse/features"
    )
    rows = [{"key": f"class/{name}.jpg", "bucket": deployed.images} for name in ("old", "older")]
    table.append(pa.Table.from_pylist(rows, SCHEMA))
    s3, place = deployed.aws.client("s3"), urllib.parse.urlsplit(table.metadata_location).path.lstrip("/")
    metadata = json.load(s3.get_object(Bucket=deployed.lake, Key=place)["Body"])
    for snapshot in metadata["snapshots"]:
        snapshot["timestamp-ms"] = int(changed_at.timestamp() * 1000)
    s3.put_object(Bucket=deployed.lake, Key=place, Body=json.dumps(metadata).encode())


@raises("ErrorRateAlarm")
def images_that_cannot_be_read(deployed: Deployed) -> Steps:
    deployed.aws.tell(images={"errors": 25, "done": 5})
    deployed.wait_for("ImagesErrors", deployed.drop)
    yield
    deployed.aws.tell(images={"done": 1000})
    deployed.wait_for("ImagesDone", deployed.drop)


@raises("IdentifyThrottledAlarm", off_after=OUT_OF_RANGE)
def more_requests_than_may_run(deployed: Deployed) -> Steps:
    # Given a public address whose whole concurrency is in use
    functions, name = deployed.aws.client("lambda"), deployed.stack["IdentifyFunction"]
    reserved = functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert [status_of(deployed.outputs["IdentifyUrl"]) for _ in range(10)] == [HTTPStatus.TOO_MANY_REQUESTS] * 10
    yield
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    assert status_of(deployed.outputs["IdentifyUrl"]) != HTTPStatus.TOO_MANY_REQUESTS


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@raises("FunctionErrorsAlarm", off_after=61)
def a_function_that_lost_a_setting(deployed: Deployed) -> Steps:
    functions, name = deployed.aws.client("lambda"), deployed.stack["MaintainFunction"]
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]
    broken = {"Variables": environment["Variables"] | {"LAKE_BUCKET": ""}}
    functions.update_function_configuration(FunctionName=name, Environment=broken)
    for _ in range(3):
        assert "FunctionError" in functions.invoke(FunctionName=name, Payload=b"{}")
    yield
    functions.update_function_configuration(FunctionName=name, Environment=environment)
    assert "FunctionError" not in functions.invoke(FunctionName=name, Payload=b"{}")
