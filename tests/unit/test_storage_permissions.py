"""What `storage` may do when it deletes data, and on a bucket of somebody's own: enough for what it asks, and no more.

The demo never deletes; here the function itself is recorded, call by call, and the template's policy evaluated.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
import pytest

import storage
from embedded_aws.iam.actions import calls_of
from embedded_aws.iam.api_request import ApiRequest
from embedded_aws.iam.policies import Call, Statement, allowed
from embedded_aws.iam.s3_actions import BucketFacts
from tests.template_roles import IMAGES, LAKE, REGION, listed, roles
from tests.unit.test_storage import ask, aws  # noqa: F401 - fixtures

CONDITIONAL = {
    "EmptyTheBuckets",
    "DeleteTheDatabase",
    "KnowThatTheStackIsBeingDeleted",
    "KnowThatTheImagesBucketIsThere",
}


@pytest.fixture
def recorded(aws: None, monkeypatch: pytest.MonkeyPatch) -> list[Call]:  # noqa: F811
    """Every call of every client that is made from now on, in IAM's words."""
    calls: list[Call] = []

    def record(request: Any, **_: Any) -> None:
        service = request.headers["Authorization"].decode().split("/")[3]
        calls.extend(calls_of(api_request(request, service), lambda _name: BucketFacts()))

    session = boto3.Session(region_name=REGION)
    session.events.register_first("before-send.*", record)
    monkeypatch.setattr(storage.boto3, "client", session.client)
    return calls


def api_request(request: Any, service: str) -> ApiRequest:
    address = urlsplit(request.url)
    bucket = f"/{address.netloc.split('.s3.')[0]}" if ".s3." in address.netloc else ""
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    body = request.body if isinstance(request.body, bytes) else b""
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    return ApiRequest(service, REGION, request.method, bucket + unquote(address.path), query, headers, body)


def unused(policy: list[Statement], calls: list[Call]) -> list[str]:
    """Actions of the conditional statements that none of the calls needs."""
    found = []
    for number, statement in enumerate(policy):
        for action in listed(statement["Action"]) if statement["Sid"] in CONDITIONAL else ():
            rest = [one for one in listed(statement["Action"]) if one != action]
            less = [*policy[:number], {**statement, "Action": rest}, *policy[number + 1 :]]
            if all(allowed(less, call) for call in calls):
                found.append(f"{statement['Sid']} {action}")
    return found


def administrator() -> boto3.Session:
    """Somebody else, whose calls are not recorded."""
    return boto3.Session(region_name=REGION)


def test_a_deletion_with_its_data_needs_what_it_may_and_may_what_it_needs(recorded, ask, monkeypatch):  # noqa: F811
    # Given a stack's bucket with an image and its database with a table
    ask("bucket-create", DeleteData="delete")
    ask("database-create", DeleteData="delete")
    administrator().client("s3").put_object(Bucket=LAKE, Key="apple/1.jpg", Body=b"")
    administrator().client("glue").create_table(DatabaseName="pomona", TableInput={"Name": "features"})
    # When the stack is deleted and is to take its data with it
    monkeypatch.setattr(storage.Deletion, "deletes_data", lambda deletion: asks(deletion, recorded))
    assert ask("bucket-delete", DeleteData="delete")["Status"] == "SUCCESS"
    assert ask("database-delete", DeleteData="delete")["Status"] == "SUCCESS"
    # Then its role allows every call, and has no action that none of them is
    policy = roles(DeleteData="delete")["StorageRole"]
    assert [call for call in recorded if not allowed(policy, call)] == []
    assert unused(policy, recorded) == []
    # And without DeleteData=delete it could not have
    kept = {call.action for call in recorded if not allowed(roles()["StorageRole"], call)}
    assert {"s3:DeleteBucket", "glue:DeleteDatabase", "cloudformation:DescribeStacks"} <= kept


def asks(deletion: Any, recorded: list[Call]) -> bool:
    """What Deletion asks CloudFormation, which has no such stack in the memory of a test."""
    recorded.append(Call("cloudformation:DescribeStacks", deletion.stack_id.replace(deletion.stack_id[-36:], "1")))
    return True


def test_a_bucket_of_ones_own_is_looked_at_and_wired_and_nothing_else(recorded, ask):  # noqa: F811
    here = {"LocationConstraint": REGION}
    administrator().client("s3").create_bucket(Bucket="photos", CreateBucketConfiguration=here)
    assert ask("bucket-create", BucketName="photos", Owned="false")["Status"] == "SUCCESS"
    policy = roles(ImagesBucketName="photos")["StorageRole"]
    assert [call for call in recorded if not allowed(policy, call)] == []
    assert unused(policy, recorded) == []
    for action in ("s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutLifecycleConfiguration", "s3:DeleteObject"):
        assert not allowed(policy, Call(action, "arn:aws:s3:::photos"))
        assert not allowed(policy, Call(action, "arn:aws:s3:::photos/a.jpg"))


def test_the_record_is_of_real_calls(recorded, ask):  # noqa: F811
    ask("bucket-create", DeleteData="keep")
    assert Call("s3:PutBucketPolicy", f"arn:aws:s3:::{LAKE}") in recorded
    assert not [call for call in recorded if IMAGES in call.resource]
    assert json.dumps([call.action for call in recorded]).count("s3:") == len(recorded)
