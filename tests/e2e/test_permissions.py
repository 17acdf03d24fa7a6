"""IAM is enforced, the demo passes, and no permission is unused: take any away, and a call is refused."""

import contextlib
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from embedded_aws.iam.policies import Call, Statement, allowed
from pomona_contract.documents.erasure import Erasure
from tests.e2e.conftest import Demo
from tests.template_roles import KEY, REGION, listed
from tests.template_roles import roles as template_roles

EVENTS = Path(__file__).resolve().parents[2] / "events"
ERASURE = "erasures/open/driven.json"
PATIENCE_SECONDS = 30
MAX_ATTEMPTS = 3
DRIVES = 3  # the clock fires too, and may be first to do what a function was to do
pytestmark = pytest.mark.timeout(1500)


@dataclass
class Account:
    """The demo's account, as its administrator sees it."""

    demo: Demo
    stack: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        described = self.client("cloudformation").describe_stack_resources(StackName="pomona")["StackResources"]
        self.stack = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in described}
        self.lake, self.images = self.stack["LakeBucket"], self.stack["ImagesBucket"]

    def client(self, service: str, role: str = "") -> Any:
        keys = self.credentials(role) if role else ("local", "local", None)
        session = boto3.Session(*keys, region_name=REGION)
        return session.client(service, endpoint_url=self.demo.endpoint)

    def credentials(self, role: str) -> tuple[str, str, str]:
        """Those that a function or a run in this role of the template gets."""
        arn = f"arn:aws:iam::123456789012:role/{self.stack[role]}"
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def put(self, key: str, document: Any) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.client("s3").put_object(Bucket=self.lake, Key=key, Body=body)

    def keys(self, prefix: str) -> list[str]:
        listing = self.client("s3").list_objects_v2(Bucket=self.lake, Prefix=prefix)
        return [one["Key"] for one in listing.get("Contents", [])]

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        name = self.stack[function]
        return self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())

    def policies(self) -> dict[str, list[Statement]]:
        """The statements of each role of the stack, as IAM has them now."""
        iam, found = self.client("iam"), {}
        for logical, role in self.stack.items():
            if logical.endswith("Role"):
                names = iam.list_role_policies(RoleName=role)["PolicyNames"]
                documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
                found[logical] = [one for document in documents for one in listed(document["Statement"])]
        return found

    def calls(self) -> dict[str, list[Call]]:
        """What each role has done or tried, since the embedded AWS was started."""
        logical = {physical: name for name, physical in self.stack.items()}
        found: dict[str, list[Call]] = {}
        for line in (self.demo.state / "calls.jsonl").read_text().splitlines():
            one = json.loads(line)
            call = Call(one["action"], one["resource"], tuple(one["context"].items()))
            found.setdefault(logical[one["principal"]], []).append(call)
        return found


@pytest.fixture(scope="module")
def account(demo: Demo) -> Account:
    account = Account(demo)
    for _ in range(DRIVES):
        drive(account)
        if not unused(account.policies(), account.calls()):
            break
    return account


def drive(account: Account) -> None:
    """What a run of the demo leaves out: crashes, failures, repetitions, adoptions."""
    for claim in claims(account):
        batch = claim["batch_id"]
        segment = f"queue/pending/20260101T000000000Z-000001-{batch}-0.jsonl"
        line = {"v": 1, "bucket": account.images, "key": "no/such.jpg", "seen_at": "2026-01-01T00:00:00.000Z"}
        account.put(segment, json.dumps(line).encode() + b"\n")
        account.put("queue/active.json", {**claim, "segments": [{"name": segment, "keys": 1}], "keys": 1})
        account.invoke("AdvanceFunction", json.loads((EVENTS / "advance-clock.json").read_text()))
        for left in ("queue/active.json", segment):  # what waits for its next attempt must not start one
            account.client("s3").delete_object(Bucket=account.lake, Key=left)
    drive_storage(account)
    drive_publish(account)
    drive_identify(account)
    drive_maintenance(account)
    drive_job(account)
    drive_express(account)


def claims(account: Account) -> Iterator[dict[str, Any]]:
    """Batches whose functions crashed: before a refused start, after a run that failed, after one that did not."""
    emr, application = account.client("emr-serverless"), account.stack["Application"]
    jobs = emr.list_job_runs(applicationId=application)["jobRuns"]
    succeeded = next(job for job in jobs if job["state"] == "SUCCESS" and job["name"].startswith("featurize-"))
    role = f"arn:aws:iam::123456789012:role/{account.stack['JobRole']}"
    start = {"name": "featurize-x", "executionRoleArn": role, "jobDriver": {"sparkSubmit": {"entryPoint": "s3://x/y"}}}
    for application_id, run_id in (("00gone", None), (application, "00ffffffffffffff"), (application, succeeded["id"])):
        yield {
            "format": 2,
            "batch_id": f"driven-{uuid.uuid4().hex[:8]}",
            "attempt": MAX_ATTEMPTS,
            "failures": MAX_ATTEMPTS,
            "claimed_at": "2026-01-01T00:00:00.000Z",
            "application_id": application_id,
            "parameters": {**start, "applicationId": application_id},
            "run_id": run_id,
        }


def drive_storage(account: Account) -> None:
    """An update that wants versions, then none; a database that an earlier stack has left."""
    answers = {"ResponseURL": f"{account.demo.endpoint}/_local/responses/driven"}
    update = json.loads((EVENTS / "storage-bucket-update.json").read_text().replace("-lake-", "-images-"))
    for status in ("Enabled", "Suspended"):
        properties = {**update["ResourceProperties"], "Versioning": {"Status": status}, "AccessLog": {}}
        account.invoke("StorageFunction", {**update, **answers, "ResourceProperties": properties})
    adopt = json.loads((EVENTS / "storage-database-create.json").read_text())
    account.invoke("StorageFunction", {**adopt, **answers})


def drive_publish(account: Account) -> None:
    """A deployment after many others, whose bundles may go."""
    for number in range(7):
        account.put(f"jobs/old-{number}/job.tar.gz", b"")
    event = json.loads((EVENTS / "publish-update.json").read_text())
    event |= {"ResponseURL": f"{account.demo.endpoint}/_local/responses/driven"}
    account.invoke("PublishFunction", event)


def drive_identify(account: Account) -> None:
    """An image is identified, and another after an erasure has removed the results."""
    s3, event = account.client("s3"), json.loads((EVENTS / "identify-image.json").read_text())
    account.invoke("IdentifyFunction", event)
    latest = s3.get_object(Bucket=account.lake, Key="results/latest.json")["Body"].read()
    s3.delete_object(Bucket=account.lake, Key="results/latest.json")
    account.invoke("IdentifyFunction", event)
    account.put("results/latest.json", latest)


def drive_maintenance(account: Account) -> None:
    """The schedule fires while an erasure waits, and the function asks for a run; it is not to be had here."""
    account.put(ERASURE, Erasure("driven", "2026-01-01T00:00:00Z", "images", "none/", []).document())
    fire = f"{account.demo.endpoint}/_local/schedules/pomona-maintenance/fire"
    urllib.request.urlopen(urllib.request.Request(fire, method="POST")).close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (asked := account.keys("queue/pending/")) and time.monotonic() < deadline:
        time.sleep(0.2)
    for segment in asked:
        account.client("s3").delete_object(Bucket=account.lake, Key=segment)


@contextlib.contextmanager
def in_the_role(account: Account, role: str) -> Iterator[None]:
    """The job's own code, in this process, with the credentials of a role."""
    from pomona.s3 import objects

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    known = dict(zip(names, account.credentials(role), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**known, "AWS_ENDPOINT_URL": account.demo.endpoint, "AWS_DEFAULT_REGION": REGION}.items():
            patch.setenv(name, value)
        objects.s3_client.cache_clear()
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # another test's has read its credentials already
        yield
    objects.s3_client.cache_clear()


def drive_express(account: Account) -> None:
    """The first run creates the table; a hundred commits later each deletes old metadata; a segment is unusable."""
    from pomona.featurize.batch import UnusableSegment, set_aside
    from pomona.pyiceberg_table.catalog import create_table
    from pomona.pyiceberg_table.lake_io import LakeFileIO

    with in_the_role(account, "ExpressRole"):
        create_table(account.lake, "pomona", "features")
        LakeFileIO().delete(f"s3://{account.lake}/warehouse/pomona.db/features/metadata/00000-driven.metadata.json")
        set_aside(account.lake, UnusableSegment("queue/pending/driven-express.jsonl", "garbage", b"?", 0), 1)


def drive_job(account: Account) -> None:
    """A refit repeated at the same snapshot, an upload given up, an erasure."""
    from pomona.featurize.batch import UnusableSegment, set_aside
    from pomona.refit.results import ResultsFolder
    from pomona.s3.uploads import PART_BYTES, open_object_writer
    from pomona.table.erasures import make_final, open_erasures

    with in_the_role(account, "JobRole"):
        folder = ResultsFolder(account.lake, 7)
        folder.put("projections/part-00000.parquet", b"", "text/plain")
        folder.remove_projections()
        with (
            contextlib.suppress(InterruptedError),
            open_object_writer(account.lake, "results/7/given-up", "text/plain") as file,
        ):
            file.write(bytes(PART_BYTES + 1))
            raise InterruptedError
        set_aside(account.lake, UnusableSegment("queue/pending/driven.jsonl", "garbage", b"?", 0), 1)
        for erasure in open_erasures(account.lake):
            make_final(account.lake, erasure)


def without(policy: list[Statement], number: int, element: str, value: str) -> list[Statement]:
    """A policy with one action, or one resource, less."""
    rest = [one for one in listed(policy[number][element]) if one != value]
    return [*policy[:number], *([{**policy[number], element: rest}] if rest else []), *policy[number + 1 :]]


def unused(policies: Mapping[str, list[Statement]], calls: Mapping[str, list[Call]]) -> list[str]:
    """Every action and every resource of a statement that could go without any of the role's calls being refused."""
    found = []
    for role, policy in policies.items():
        for number, statement in enumerate(policy):
            for element in ("Action", "Resource"):
                for value in listed(statement[element]):
                    less = without(policy, number, element, value)
                    if all(allowed(less, call) for call in calls.get(role, []) if allowed(policy, call)):
                        found.append(f"{role} {statement.get('Sid', '')} {value}")
    return found


def test_the_deployed_function_knows_an_image_of_the_table(account: Account):
    invoked = account.invoke("IdentifyFunction", json.loads((EVENTS / "identify-image.json").read_text()))
    answered = json.load(invoked["Payload"])
    assert answered["label"] == "kiwi", answered
    assert answered["nearest"][0]["key"].endswith("kiwi/kiwi-11.jpg")
    assert answered["nearest"][0]["similarity"] > 0.999


def test_nothing_that_the_demo_does_was_refused(account: Account):
    policies, calls = account.policies(), account.calls()
    assert set(calls) == set(policies)
    assert not [(role, call) for role in calls for call in calls[role] if not allowed(policies[role], call)]


def test_no_statement_action_or_resource_is_unused(account: Account):
    assert unused(account.policies(), account.calls()) == []


def test_a_permission_that_nobody_needs_would_be_found(account: Account):
    policies = account.policies()
    policies["RefitRole"].append({"Effect": "Allow", "Action": "s3:DeleteBucket", "Resource": "*", "Sid": "Idle"})
    assert unused(policies, account.calls()) == ["RefitRole Idle s3:DeleteBucket", "RefitRole Idle *"]


def with_key(call: Call) -> list[Call]:
    """What S3 does with the bucket's key for this call, and SQS with the queue's."""
    if call.action in ("s3:GetObject", "sqs:ReceiveMessage"):
        return [Call("kms:Decrypt", KEY)]
    return [Call("kms:GenerateDataKey", KEY)] if call.action == "s3:PutObject" else []


def test_a_key_is_enough_and_not_too_much_for_the_same_calls(account: Account):
    # Given the same calls on buckets and queues that a key encrypts (an upload in parts needs both actions)
    calls = {role: [one for call in calls for one in with_key(call)] for role, calls in account.calls().items()}
    policies = {
        role: [one for one in policy if "kms:" in json.dumps(one)]
        for role, policy in template_roles(KmsKeyArn=KEY).items()
    }
    # Then each role has of the key what it needs, and no more
    assert not [
        role for role in calls for call in calls[role] if role != "StorageRole" and not allowed(policies[role], call)
    ]
    assert unused({role: policy for role, policy in policies.items() if policy}, calls) == []


@pytest.fixture
def lacking(account: Account) -> Iterator[Callable[[str, str], None]]:
    """Takes a statement away from a role, really; puts everything back at the end."""
    iam, before = account.client("iam"), {}

    def take(role: str, sid: str) -> None:
        name = account.stack[role]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        before[name] = (policy, json.dumps(document))
        kept = [one for one in document["Statement"] if one["Sid"] != sid]
        assert len(kept) == len(document["Statement"]) - 1
        less = json.dumps({**document, "Statement": kept})
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=less)

    yield take
    for name, (policy, document) in before.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)


@pytest.mark.parametrize(
    ("function", "role", "sid", "action"),
    [
        ("AdvanceFunction", "AdvanceRole", "QueueFolders", "s3:GetObject"),
        ("AdvanceFunction", "AdvanceRole", "ListQueueFolders", "s3:ListBucket"),
        ("RefitFunction", "RefitRole", "FindTheTable", "glue:GetTable"),
        ("RefitFunction", "RefitRole", "LatestResultsAndTableMetadata", "s3:GetObject"),
        ("MaintainFunction", "MaintainRole", "FindTheTable", "glue:GetTable"),
        ("MaintainFunction", "MaintainRole", "TableMetadataAndErasures", "s3:GetObject"),
        ("MaintainFunction", "MaintainRole", "ListErasuresAndRequests", "s3:ListBucket"),
    ],
)
def test_a_function_that_lacks_a_statement_fails_and_says_what_it_may_not(
    account, lacking, function, role, sid, action
):
    lacking(role, sid)
    answer = account.invoke(function, {})
    assert "FunctionError" in answer
    assert f"not authorized to perform: {action}" in json.loads(answer["Payload"].read())["errorMessage"]


@pytest.mark.parametrize(
    ("role", "action"), [("JobRole", "put"), ("IngestRole", "get"), ("AdvanceRole", "get"), ("MaintainRole", "get")]
)
def test_images_are_not_written_by_the_job_nor_read_by_functions(account: Account, role, action):
    s3, key = (
        account.client("s3", role),
        account.client("s3").list_objects_v2(Bucket=account.images)["Contents"][0]["Key"],
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=account.images, Key=key) if action == "get" else s3.put_object(
            Bucket=account.images, Key=key, Body=b""
        )


def test_a_token_that_nobody_was_given_is_refused(account: Account):
    session = boto3.Session("ASIAXXXXXXXXXXXXXXXX", "secret", "token", region_name=REGION)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session.client("s3", endpoint_url=account.demo.endpoint).list_buckets()


def test_a_missing_object_is_told_only_to_those_who_may_list(account: Account, lacking):
    publish = account.client("s3", "PublishRole")
    with pytest.raises(ClientError, match="404"):
        publish.head_object(Bucket=account.lake, Key="jobs/none")
    lacking("PublishRole", "KnowWhatIsMissing")
    with pytest.raises(ClientError, match="403"):
        publish.head_object(Bucket=account.lake, Key="jobs/none")


# measured by a run that has maintenance to do, or only while there is something to tell:
# tests/unit/test_handlers.py, tests/unit/test_intake_metrics.py
ONLY_WHEN_THERE_IS_CAUSE = {"MaintenanceErrors", "FailedBatches", "QueuePaused", "ClaimUnreadable"}


def test_every_metric_of_the_alarms_and_the_dashboard_is_measured(account: Account):
    # Given what the demo and the drives measured: the functions' own lines, read by the embedded CloudWatch
    cloudwatch = account.client("cloudwatch")
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Pomona")
    measured = {one["MetricName"] for page in pages for one in page["Metrics"]}
    dimensions = [one["Dimensions"] for page in pages for one in page["Metrics"]]
    # Then each has the stack's name as its only dimension, and nothing is watched that is never measured
    assert all(one == [{"Name": "service", "Value": "pomona"}] for one in dimensions)
    body = json.loads(cloudwatch.get_dashboard(DashboardName=account.stack["Dashboard"])["DashboardBody"])
    assert (watched(body) | alarmed(cloudwatch)) - ONLY_WHEN_THERE_IS_CAUSE <= measured


def watched(body: dict[str, Any]) -> set[str]:
    """The metrics of the namespace Pomona on a dashboard; "." is CloudWatch's word for "as in the line before"."""
    found, namespace = set(), ""
    for widget in body["widgets"]:
        for first, second, *_ in widget["properties"].get("metrics", []):
            namespace = first if first != "." else namespace
            found |= {second} if namespace == "Pomona" else set()
    assert len(found) > 10
    return found


def alarmed(cloudwatch: Any) -> set[str]:
    """The metrics of the namespace Pomona that alarms look at."""
    found = set()
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        found |= {one["MetricName"] for one in [alarm, *stats] if one.get("Namespace") == "Pomona"}
    assert len(found) >= 5
    return found


def test_an_event_can_be_followed_by_its_batch_through_the_logs(account: Account):
    # Given the log groups as CloudWatch has them
    lines = {name: log_lines(account, account.stack[name]) for name in ("IngestLogs", "AdvanceLogs", "RunLogs")}
    record = next(key for key in account.keys("runs/2") if "billed" not in key)
    batch = json.loads(account.client("s3").get_object(Bucket=account.lake, Key=record)["Body"].read())["batch_id"]
    # Then the line of the claim names the segments that the line of their writing names, and all later ones the batch
    functions = [json.loads(line) for name in ("IngestLogs", "AdvanceLogs") for line in lines[name] if line[0] == "{"]
    steps = {line.get("message"): line for line in functions if line.get("batch_id") == batch}
    assert {"claimed", "started", "settled"} <= set(steps)
    segment = steps["claimed"]["details"].split(": ")[1].split(",")[0]
    assert any(line.get("message") == "written" and segment in line["details"] for line in functions)
    said = [line for line in lines["RunLogs"] if "pomona." in line and "INFO" in line]
    assert [line for line in said if batch in line]
    assert all("batch_id" in line or "refit" in line for line in said)


def log_lines(account: Account, group: str) -> list[str]:
    logs = account.client("logs")
    streams = [one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    pages = [logs.get_log_events(logGroupName=group, logStreamName=name, limit=10_000)["events"] for name in streams]
    return [event["message"] for page in pages for event in page]
