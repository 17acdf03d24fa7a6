"""`make smoke STACK=name`: on a deployed stack, what an embedded AWS cannot show. Says first what it will cost.

Three sample images go through the whole system, from the bucket's event to the refit, and are deleted again.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.expressions import In

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ("apple/apple-00.jpg", "banana/banana-00.jpg", "plum/plum-00.jpg")
QUOTA = "L-D05C8A75"  # EMR Serverless: the most concurrent vCPUs of an account
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
# what is assumed of a run for the estimate: driver and one executor of 2 vCPU and 8 GB each, for three minutes
RUNS, VCPU_HOURS, GB_HOURS = 3, 4 * 3 / 60, 16 * 3 / 60
LAUNCH_MINUTES = 5  # for the events' window, the clock and the start of workers, beside LaunchAfterMinutes


class SmokeError(Exception):
    """A check failed; the text says what was found and what to look at."""


class NotHereError(Exception):
    """A check that this endpoint cannot show; the text says why."""


@dataclass(frozen=True)
class Deployed:
    """A stack, seen through AWS's APIs."""

    name: str
    session: boto3.Session
    minutes: float

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        create: Any = self.session.client  # typed by literal names alone
        return create(service, config=Config(retries={"mode": "standard"}))

    @cached_property
    def described(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return stack

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.described.get("Outputs", ())}

    @cached_property
    def parameters(self) -> dict[str, str]:
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.described["Parameters"]}

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource."""
        asked = self.client("cloudformation").describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return str(asked["StackResourceDetail"]["PhysicalResourceId"])

    @property
    def images(self) -> str:
        return self.outputs["ImagesBucketName"]

    @property
    def lake(self) -> str:
        return self.outputs["LakeBucketName"]

    @cached_property
    def keys(self) -> list[str]:
        """Keys of the sample images, which the stack's prefixes and suffixes take."""
        prefix = self.outputs.get("ImagesPrefixes", "").split(",")[0].strip()
        suffix = self.outputs.get("ImagesSuffixes", ".jpg").split(",")[0].strip()
        return [f"{prefix}pomona-smoke-{uuid.uuid4().hex}/{number}{suffix}" for number in range(len(SAMPLES))]

    def require_aws(self) -> None:
        """Ends a check whose subject only AWS itself has."""
        if "amazonaws" not in self.client("s3").meta.endpoint_url:
            raise NotHereError("only AWS itself shows this")

    def documents(self, prefix: str) -> Iterator[bytes]:
        """The bodies of the lake's objects under a prefix."""
        s3 = self.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.lake, Prefix=prefix):
            for item in page.get("Contents", ()):
                try:
                    yield s3.get_object(Bucket=self.lake, Key=item["Key"])["Body"].read()
                except s3.exceptions.NoSuchKey:
                    continue  # settled meanwhile

    def rows(self) -> dict[str, str | None]:
        """Key → error of those rows of the table that are the samples'."""
        settings = {"glue.endpoint": self.client("glue").meta.endpoint_url, "client.region": self.session.region_name}
        catalog = GlueCatalog("smoke", **settings, **{"s3.endpoint": self.client("s3").meta.endpoint_url})
        table = catalog.load_table(tuple(self.outputs["TableName"].split(".")))
        found = table.scan(row_filter=In("key", self.keys), selected_fields=("key", "error")).to_arrow()
        return dict(zip(found["key"].to_pylist(), found["error"].to_pylist(), strict=True))

    def until(self, what: str, done: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `done` gives
        """Waits for something, at most for as long as a launch and a run may take."""
        print(f"    waiting until {what} (at most {self.minutes:.0f} minutes)", flush=True)
        deadline = time.monotonic() + 60 * self.minutes
        while not (found := done()):
            if time.monotonic() > deadline:
                raise SmokeError(
                    f"not within {self.minutes:.0f} minutes: {what}; see the logs of the functions and runs"
                )
            time.sleep(2)
        return found


def is_complete(stack: Deployed) -> str:
    status = str(stack.described["StackStatus"])
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        raise SmokeError(f"the stack is {status}")
    return status


def refuses_plain_http(stack: Deployed) -> str:
    stack.require_aws()
    plain = stack.session.client("s3", use_ssl=False)
    try:
        plain.list_objects_v2(Bucket=stack.lake, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDenied":
            return "a request without TLS is refused"
        raise
    raise SmokeError(f"s3://{stack.lake} answers without TLS: its policy lacks the statement TlsOnly")


def fits_the_quota(stack: Deployed) -> str:
    stack.require_aws()
    asked = stack.client("service-quotas").get_service_quota(ServiceCode="emr-serverless", QuotaCode=QUOTA)
    quota, ceiling = asked["Quota"]["Value"], float(stack.parameters["MaxVcpus"])
    if quota < ceiling:
        raise SmokeError(
            f"the account may use {quota:.0f} vCPUs of EMR Serverless at once, MaxVcpus is {ceiling:.0f}: runs will "
            "wait; ask for a higher quota, or deploy with a smaller MaxVcpus"
        )
    return f"{quota:.0f} vCPUs allowed, {ceiling:.0f} asked for at most"


def delivers_in_batches(stack: Deployed) -> str:
    mapping = stack.client("lambda").get_event_source_mapping(UUID=stack.resource("IngestFunctionImageEvents"))
    if mapping["State"] != "Enabled":
        raise SmokeError(f"the queue's messages are not delivered: the mapping is {mapping['State']}")
    return f"up to {mapping['BatchSize']} messages, at most {mapping['MaximumBatchingWindowInSeconds']} s"


def is_scheduled(stack: Deployed) -> str:
    schedule = stack.client("scheduler").get_schedule(Name=stack.resource("RefitFunctionRefitClock"))
    if schedule["State"] != "ENABLED":
        raise SmokeError(f"the refit's schedule is {schedule['State']}")
    return str(schedule["ScheduleExpression"])


def featurizes(stack: Deployed) -> str:
    for key, sample in zip(stack.keys, SAMPLES, strict=True):
        stack.client("s3").upload_file(str(ROOT / "samples" / "images" / sample), stack.images, key)
    _until_settled(stack)
    rows = stack.rows()
    if set(rows) != set(stack.keys) or any(rows.values()):
        raise SmokeError(f"of {len(SAMPLES)} sample images the table holds {rows}")
    return f"{len(SAMPLES)} images became rows"


def says_what_runs_cost(stack: Deployed) -> str:
    run = _newest_run(stack, "featurize-")
    billed = run.get("billedResourceUtilization", {})
    if not billed:
        raise SmokeError(f"EMR Serverless says nothing of what the run {run['jobRunId']} used")
    return f"{billed['vCPUHour']} vCPU-hours, {billed['memoryGBHour']} GB-hours"


def logs_runs(stack: Deployed) -> str:
    stack.require_aws()
    group = stack.resource("RunLogs")
    streams = stack.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix="featurize-")
    if not streams["logStreams"]:
        raise SmokeError(f"no run has written to {group}: the job's role may not, or logging is off")
    return f"{len(streams['logStreams'])} streams in {group}"


def refits(stack: Deployed) -> str:
    """The stack refits when its schedule is due; here the function is asked, as the schedule asks it."""
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs["RefitFunctionName"], Payload=b"{}")
    body = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise SmokeError(f"the function {stack.outputs['RefitFunctionName']} failed: {body['errorMessage']}")
    if body["run_id"] is None:
        raise SmokeError("the table has new rows, and the refit found nothing to do")

    def ended() -> dict[str, Any] | None:
        run = _run(stack, body["run_id"])
        return run if run["state"] in ENDED else None

    run = stack.until("the refit has ended", ended)
    if run["state"] != "SUCCESS":
        raise SmokeError(f"the refit {body['run_id']} ended as {run['state']}: {run.get('stateDetails')}")
    return f"run {body['run_id']}"


def forgets(stack: Deployed) -> str:
    for key in stack.keys:
        stack.client("s3").delete_object(Bucket=stack.images, Key=key)
    _until_settled(stack)
    if rows := stack.rows():
        raise SmokeError(f"the deleted sample images still have rows: {sorted(rows)}")
    return "the deleted images' rows are gone"


def has_no_dead_letters(stack: Deployed) -> str:
    asked = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["DeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    if count := int(asked["Attributes"]["ApproximateNumberOfMessages"]):
        raise SmokeError(f"{count} messages wait in the dead-letter queue: see docs/operations.md")
    return "none"


CHECKS: tuple[tuple[str, Callable[[Deployed], str]], ...] = (
    ("the stack is complete", is_complete),
    ("buckets refuse requests without TLS", refuses_plain_http),
    ("the account's quota is enough", fits_the_quota),
    ("the queue delivers in batches", delivers_in_batches),
    ("the refit is scheduled", is_scheduled),
    ("dropped images become rows", featurizes),
    ("a run says what it used", says_what_runs_cost),
    ("a run's logs arrive", logs_runs),
    ("the PCA is refitted", refits),
    ("deleted images lose their rows", forgets),
    ("there are no dead letters", has_no_dead_letters),
)


def _until_settled(stack: Deployed) -> None:
    """Waits until the samples' keys have been in the queue, and are no longer."""
    key = stack.keys[0].encode()

    def queued() -> bool:
        return any(key in body for body in stack.documents("queue/pending/"))

    stack.until("the bucket's events have reached the queue", queued)
    stack.until("a run has settled them", lambda: not queued())
    if any(key in body for body in stack.documents("queue/failed/")):
        raise SmokeError("the sample images' batch failed for good: its reason is in queue/failed/ of the lake")


def _run(stack: Deployed, run_id: str) -> dict[str, Any]:
    asked = stack.client("emr-serverless").get_job_run(applicationId=stack.outputs["ApplicationId"], jobRunId=run_id)
    run: dict[str, Any] = asked["jobRun"]
    return run


def _newest_run(stack: Deployed, prefix: str) -> dict[str, Any]:
    listed = stack.client("emr-serverless").list_job_runs(applicationId=stack.outputs["ApplicationId"])["jobRuns"]
    named = sorted((run for run in listed if run["name"].startswith(prefix)), key=lambda run: run["createdAt"])
    return _run(stack, named[-1]["id"])


@contextmanager
def _without_leftovers(stack: Deployed) -> Iterator[None]:
    """Whatever happens, no sample image stays in the bucket."""
    try:
        yield
    finally:
        for key in stack.keys:
            stack.client("s3").delete_object(Bucket=stack.images, Key=key)


def estimate(region: str) -> str:
    """What the checks will cost, in words, from the dated prices."""
    prices = json.loads((ROOT / "functions" / "intake" / "prices.json").read_text())
    of_region = prices["emr_serverless"].get(region)
    if of_region is None:
        return f"{RUNS} runs of EMR Serverless; their price in {region} is not known here"
    cost = RUNS * (VCPU_HOURS * of_region["vcpu_hour"] + GB_HOURS * of_region["gb_hour"])
    runs = f"{RUNS} runs of EMR Serverless of about 3 minutes"
    return f"{runs}: about {cost:.2f} {prices['currency']} (prices of {prices['as_of']})"


def run_checks(stack: Deployed) -> int:
    """Runs every check, one failure does not end the others; gives the number of failures."""
    failures = 0
    with _without_leftovers(stack):
        for name, check in CHECKS:
            try:
                print(f"ok   {name}: {check(stack)}", flush=True)
            except NotHereError as reason:
                print(f"--   {name}: {reason}", flush=True)
            except (SmokeError, ClientError, BotoCoreError) as error:
                failures += 1
                print(f"FAIL {name}: {error}", flush=True)
    return failures


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make smoke", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", help="else the one of your AWS configuration")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is started")
    options = parser.parse_args(words)
    session = boto3.Session(region_name=options.region)
    if not session.region_name:
        sys.exit("smoke: no region: give REGION=eu-west-3, or set AWS_DEFAULT_REGION")
    stack = Deployed(options.stack, session, 0)
    try:
        minutes = float(stack.parameters["LaunchAfterMinutes"]) + float(stack.parameters["RunTimeoutMinutes"])
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"smoke: the stack {options.stack} cannot be looked at in {session.region_name}: {error}")
    print(f"this will start {estimate(session.region_name)}, and put 3 images into s3://{stack.images} for a while")
    if not options.yes and input("go on? [y/N] ").strip().lower() != "y":
        return 2
    failures = run_checks(Deployed(options.stack, session, minutes + LAUNCH_MINUTES))
    print(f"{len(CHECKS)} checks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
