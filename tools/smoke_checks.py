"""What `make smoke` checks on a deployed stack, in this order. A check says what it found, or raises SmokeError."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from smoke_release import offers_the_release
from smoke_stack import SAMPLES, Deployed, NotHereError, SmokeError

from pomona_contract.lake_layout import FAILED_BATCHES, PENDING_SEGMENTS

QUOTA = "L-D05C8A75"  # EMR Serverless: the most concurrent vCPUs of an account
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
Check = Callable[[Deployed], str]


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
    stack.drop_samples()
    rows = _rows_when_they_are(stack, set(stack.keys))
    if any(rows.values()):
        raise SmokeError(f"of {len(SAMPLES)} sample images the table holds {rows}")
    return f"{len(SAMPLES)} images became rows"


def says_what_runs_cost(stack: Deployed) -> str:
    run = stack.newest_run("featurize-")
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
        raise SmokeError(f"the table has new rows, but no refit was started: {body['reason']}")

    def ended() -> dict[str, Any] | None:
        run = stack.run(body["run_id"])
        return run if run["state"] in ENDED else None

    run = stack.until("the refit has ended", ended)
    if run["state"] != "SUCCESS":
        raise SmokeError(f"the refit {body['run_id']} ended as {run['state']}: {run.get('stateDetails')}")
    return f"run {body['run_id']}"


def forgets(stack: Deployed) -> str:
    stack.remove_samples()
    _rows_when_they_are(stack, set())
    return "the deleted images' rows are gone"


def has_no_dead_letters(stack: Deployed) -> str:
    asked = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["DeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    if count := int(asked["Attributes"]["ApproximateNumberOfMessages"]):
        raise SmokeError(f"{count} messages wait in the dead-letter queue: see docs/operations.md")
    return "none"


def lets_in_who_may_ask(stack: Deployed) -> str:
    """Ask for the page as everybody may: without a signature."""
    if not (url := stack.outputs.get("IdentifyUrl")):
        raise NotHereError("IdentifyAccess is none")
    expected = 200 if stack.parameters["IdentifyAccess"] == "public" else 403
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the stack's own address
            status = int(answer.status)
    except urllib.error.HTTPError as error:
        status = error.code
    if status != expected:
        raise SmokeError(
            f"{url} answers {status} to a request without a signature, and should answer {expected}: see "
            "docs/security.md, The address of identify"
        )
    return f"{status} without a signature"


def _rows_when_they_are(stack: Deployed, expected: set[str]) -> dict[str, Any]:
    """Return the samples' rows as soon as they are those of the expected keys and no key of theirs waits any more."""
    key = stack.keys[0].encode()

    def rows() -> list[dict[str, Any]]:
        if any(key in body for body in stack.documents(FAILED_BATCHES)):
            raise SmokeError("the sample images' batch failed for good: its reason is in queue/failed/ of the lake")
        found = stack.rows()
        is_queued = any(key in body for body in stack.documents(PENDING_SEGMENTS))
        return [found] if set(found) == expected and not is_queued else []

    (found,) = stack.until(f"the table has {len(expected)} of the {len(SAMPLES)} sample images", rows)
    return found


# what can be said of a stack whose deployment failed, and costs nothing
OF_ANY_STACK: tuple[tuple[str, Check], ...] = (
    ("the stack is complete", is_complete),
    ("the Region offers the release", offers_the_release),
)
CHECKS: tuple[tuple[str, Check], ...] = (
    *OF_ANY_STACK,
    ("buckets refuse requests without TLS", refuses_plain_http),
    ("the account's quota is enough", fits_the_quota),
    ("the queue delivers in batches", delivers_in_batches),
    ("the refit is scheduled", is_scheduled),
    ("dropped images become rows", featurizes),
    ("the PCA is refitted", refits),
    ("deleted images lose their rows", forgets),
    # of the run that deleted the rows: the function express may have made them
    ("a run says what it used", says_what_runs_cost),
    ("a run's logs arrive", logs_runs),
    ("there are no dead letters", has_no_dead_letters),
    ("the address of identify lets in who may ask", lets_in_who_may_ask),
)
