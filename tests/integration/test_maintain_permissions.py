"""MaintainRole, statement by statement: without any of them the function is refused, and says what it may not do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pomona_contract.documents.erasure import Erasure
from tests.local_server import REGION, LocalServer
from tests.template_roles import KEY, roles
from tests.template_stack import TemplateStack

LAKE = f"pomona-lake-123456789012-{REGION}"
METADATA = "warehouse/pomona.db/features/metadata/1.metadata.json"
EVENT = json.dumps({"time": "2026-11-21T08:00:00Z"}).encode()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemplateStack]:
    """A stack with a key of its own, a table and an erasure that waits."""
    aws = LocalServer(tmp_path_factory.mktemp("state"))
    stack = TemplateStack(aws)
    quiet = {
        "ExpressKeys": "0",
        "LaunchAtKeys": "1000000",
        "LaunchAfterMinutes": "1440",
        "ClockSchedule": "rate(1 day)",
    }
    assert stack.deploy(KmsKeyArn=KEY, **quiet) == "CREATE_COMPLETE", aws.reasons("pomona")
    put(stack, METADATA, {"format-version": 2, "current-snapshot-id": -1, "snapshots": []})
    put(stack, "erasures/open/1.json", Erasure("1", "2026-01-01T00:00:00Z", "images", "none/", []).document())
    location = {"metadata_location": f"s3://{LAKE}/{METADATA}"}
    aws.client("glue").create_table(DatabaseName="pomona", TableInput={"Name": "features", "Parameters": location})
    yield stack
    aws.stop()


def put(stack: TemplateStack, key: str, document: Any) -> None:
    stack.aws.client("s3").put_object(Bucket=LAKE, Key=key, Body=json.dumps(document).encode())


def invoke(stack: TemplateStack) -> Any:
    """What the function answers; what it asked for is forgotten again."""
    name = stack.resources()["MaintainFunction"]
    answer = json.loads(stack.aws.client("lambda").invoke(FunctionName=name, Payload=EVENT)["Payload"].read())
    for key in stack.aws.keys(LAKE, "queue/pending/"):
        stack.aws.client("s3").delete_object(Bucket=LAKE, Key=key)
    return answer


def lines(stack: TemplateStack) -> int:
    """How many lines the function has in CloudWatch."""
    logs, group = stack.aws.client("logs"), stack.resources()["MaintainLogs"]
    streams = [one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    return sum(len(logs.get_log_events(logGroupName=group, logStreamName=one)["events"]) for one in streams)


@pytest.fixture
def lacking(stack: TemplateStack, sid: str) -> Iterator[None]:
    """The role without one statement."""
    iam, role = stack.aws.client("iam"), stack.resources()["MaintainRole"]
    document = iam.get_role_policy(RoleName=role, PolicyName="maintain")["PolicyDocument"]
    kept = [one for one in document["Statement"] if one["Sid"] != sid]
    assert len(kept) == len(document["Statement"]) - 1
    less = json.dumps({**document, "Statement": kept})
    iam.put_role_policy(RoleName=role, PolicyName="maintain", PolicyDocument=less)
    yield
    iam.put_role_policy(RoleName=role, PolicyName="maintain", PolicyDocument=json.dumps(document))


NEEDED = {
    "TableMetadataAndErasures": "s3:GetObject",
    "AskForMaintenance": "s3:PutObject",
    "ListErasuresAndRequests": "s3:ListBucket",
    "FindTheTable": "glue:GetTable",
    "UseTheKey": "kms:Decrypt",
}


def test_every_statement_is_here() -> None:
    sids = {one["Sid"] for one in roles(KmsKeyArn=KEY)["MaintainRole"]}
    assert sids == {*NEEDED, "WriteLogs"}


def test_with_all_its_statements_it_asks_for_maintenance(stack: TemplateStack) -> None:
    assert invoke(stack)["segment"]


@pytest.mark.parametrize("sid", NEEDED)
def test_without_a_statement_it_is_refused_and_says_what_it_may_not(stack: TemplateStack, lacking, sid: str) -> None:
    assert f"not authorized to perform: {NEEDED[sid]}" in invoke(stack)["errorMessage"]


@pytest.mark.parametrize("sid", ["WriteLogs"])
def test_without_the_statement_of_its_log_nothing_reaches_cloudwatch(stack: TemplateStack, lacking, sid: str) -> None:
    before = lines(stack)
    invoke(stack)
    assert lines(stack) == before > 0
