"""Updates of stacks in the embedded AWS: what CloudFormation replaces, what it refuses, and what a rollback undoes.

The schemas are the registry's own, as cfn-lint ships them. Where AWS's words are quoted, the test says which report has
them.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_server import ROLE, LocalServer, function, until

ANSWERING = """
import json, os, urllib.request
def handler(event, context):
    properties = event["ResourceProperties"]
    # the bundle that this code carries; an earlier failure must not be repeated when it is undone
    identity = properties.get("Identity", "kept")
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    refused = event["RequestType"] == "Update" and properties.get("Refused")
    told = f'{event["RequestType"]} {event.get("PhysicalResourceId")} {properties.get("Identity")} by CODE'
    print(told)
    answer |= {"Status": "FAILED" if refused else "SUCCESS", "Reason": "refused", "Data": {"Told": told},
               "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else identity}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""
IMPOSSIBLE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 999_999}}


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def physical_id(aws: LocalServer, stack: str, logical_id: str) -> str:
    found = aws.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def queues(aws: LocalServer) -> set[str]:
    return {url.rpartition("/")[2] for url in aws.client("sqs").list_queues().get("QueueUrls", [])}


@pytest.mark.parametrize(
    ("resource", "complaint"),
    [
        (queue(Colour="red"), "#: extraneous key [Colour] is not permitted"),
        (queue(Arn="arn:aws:sqs:eu-west-3:123456789012:mine"), "#: read-only key [Arn] is not permitted"),
        (queue(VisibilityTimeout="an hour"), "#/VisibilityTimeout: expected type: Integer, found: String"),
        ({"Type": "AWS::IAM::Role"}, "#: required key [AssumeRolePolicyDocument] not found"),
        (
            {"Type": "AWS::EMRServerless::Application", "Properties": {"ReleaseLabel": "emr 8", "Type": "SPARK"}},
            "#/ReleaseLabel: failed validation constraint for keyword [pattern]",
        ),
        (
            {
                "Type": "AWS::EMRServerless::Application",
                "Properties": {"ReleaseLabel": "emr-spark-8.1.0", "Type": "SPARK", "Architecture": "SPARC"},
            },
            "#/Architecture: SPARC is not a valid enum value",
        ),
        ({"Type": "Custom::Anything"}, "#: required key [ServiceToken] not found"),
    ],
)
def test_properties_that_the_registry_does_not_allow_end_the_creation(aws, resource, complaint):
    # Given the words of CloudFormation: aws-cloudformation/cloudformation-coverage-roadmap #1514
    aws.deploy("refused", {"Wrong": resource})
    assert aws.status("refused") == "ROLLBACK_COMPLETE"
    assert complaint in aws.reasons("refused")
    aws.client("cloudformation").delete_stack(StackName="refused")


def test_text_is_taken_for_the_number_or_truth_value_that_it_shows(aws):
    aws.deploy("texts", {"Queue": queue(VisibilityTimeout="40", SqsManagedSseEnabled="true")})
    assert aws.status("texts") == "CREATE_COMPLETE"


def test_a_property_that_cannot_change_makes_a_new_resource_and_the_old_one_goes_last(aws):
    # Given a queue, whose name is createOnly
    aws.deploy("renamed", {"Queue": queue(QueueName="before")})
    # When the name changes
    aws.deploy("renamed", {"Queue": queue(QueueName="after")})
    # Then there is another queue, and the first is deleted in the clean-up
    assert aws.status("renamed") == "UPDATE_COMPLETE"
    assert physical_id(aws, "renamed", "Queue").endswith("/after")
    assert "before" not in queues(aws)
    events = reversed(list(aws.events("renamed")))
    told = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in events]
    assert told.index(("Queue", "DELETE_COMPLETE")) > told.index(("renamed", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert "hence creating one" in aws.reasons("renamed")


def test_a_resource_without_a_name_of_its_own_is_replaced_by_one_with_another_name(aws):
    aws.deploy("unnamed", {"Queue": queue()})
    before = physical_id(aws, "unnamed", "Queue")
    aws.deploy("unnamed", {"Queue": queue(FifoQueue=True, QueueName="named.fifo")})
    aws.deploy("unnamed", {"Queue": queue()})
    after = physical_id(aws, "unnamed", "Queue")
    assert after != before
    assert {url.rpartition("/")[2] for url in (before, after)} & queues(aws) == {after.rpartition("/")[2]}


def test_a_custom_named_resource_is_not_replaced(aws):
    # Given a role with a name of its own, and a path, which cannot change
    role = {"Type": "AWS::IAM::Role", "Properties": {**ROLE["Properties"], "RoleName": "mine", "Path": "/a/"}}
    aws.deploy("named", {"Role": role})
    # When the path changes
    aws.deploy("named", {"Role": {**role, "Properties": {**role["Properties"], "Path": "/b/"}}})
    # Then CloudFormation refuses (its words: ministackorg/ministack #1433), and the role is as it was
    assert aws.status("named") == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot update a stack when a custom-named resource requires replacing. Rename mine" in aws.reasons("named")
    assert aws.client("iam").get_role(RoleName="mine")["Role"]["Path"] == "/a/"


def test_a_replaced_resource_comes_back_when_the_update_fails_later(aws):
    aws.deploy("back", {"Queue": queue(QueueName="first")})
    aws.client("sqs").send_message(QueueUrl="first", MessageBody="not lost")
    aws.deploy("back", {"Queue": queue(QueueName="second"), "Wrong": {**IMPOSSIBLE, "DependsOn": "Queue"}})
    assert aws.status("back") == "UPDATE_ROLLBACK_COMPLETE"
    assert physical_id(aws, "back", "Queue").endswith("/first")
    assert {"first", "second"} & queues(aws) == {"first"}
    assert aws.client("sqs").receive_message(QueueUrl="first")["Messages"][0]["Body"] == "not lost"


def test_a_resource_that_is_to_be_kept_when_replaced_stays(aws):
    kept = {**queue(QueueName="old"), "UpdateReplacePolicy": "Retain"}
    aws.deploy("kept", {"Queue": kept})
    aws.deploy("kept", {"Queue": {**kept, "Properties": {"QueueName": "new"}}})
    assert {"old", "new"} <= queues(aws)


def test_the_type_of_a_resource_does_not_change(aws):
    aws.deploy("typed", {"Thing": queue()})
    with pytest.raises(ClientError, match=r"Update of resource type is not permitted.*\[Thing\]"):
        aws.deploy("typed", {"Thing": {"Type": "AWS::SNS::Topic"}})


def answering(aws: LocalServer, code: str = "one", token: str = "Provider", **properties: Any) -> dict[str, Any]:
    """Two functions that provide the resource `Thing`; it is bound to one of them."""
    code_of = {
        name: aws.upload(f"{name}-{code}.zip", ANSWERING.replace("CODE", code)) for name in ("Provider", "Other")
    }
    token_of = {"ServiceToken": {"Fn::GetAtt": f"{token}.Arn"}}
    return {
        "Role": ROLE,
        **{name: function(code) for name, code in code_of.items()},
        "Thing": {"Type": "Custom::Thing", "Properties": {**token_of, **properties}},
    }


TOLD = {"Told": {"Fn::GetAtt": "Thing.Told"}}


def test_a_service_token_does_not_change(aws):
    # Given a custom resource
    aws.deploy("token", answering(aws), TOLD)
    # When another function is to provide it
    aws.deploy("token", answering(aws, token="Other"), TOLD)
    # Then CloudFormation refuses: aws-cloudformation/cloudformation-coverage-roadmap #802
    assert aws.status("token") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Modifying service token is not allowed." in aws.reasons("token")
    assert aws.outputs("token") == {"Told": "Create None None by one"}


def test_a_rollback_asks_the_old_code_for_the_old_properties(aws):
    # Given a resource that a function provides, whose code changes together with a property
    aws.deploy("undone", answering(aws, Identity="a"), TOLD)
    # When the update fails after the resource was changed
    changed = answering(aws, code="two", Identity="b")
    aws.deploy("undone", changed | {"Wrong": {**IMPOSSIBLE, "DependsOn": "Thing"}}, TOLD)
    # Then the function is put back first, as it was updated first, and is told of both
    assert aws.status("undone") == "UPDATE_ROLLBACK_COMPLETE"
    assert aws.outputs("undone") == {"Told": "Update b a by one"}
    assert physical_id(aws, "undone", "Thing") == "a"


def test_a_resource_that_refused_an_update_is_asked_again_for_what_it_was(aws):
    aws.deploy("twice", answering(aws, Identity="a"), TOLD)
    aws.deploy("twice", answering(aws, Identity="b", Refused="yes"), TOLD)
    assert aws.status("twice") == "UPDATE_ROLLBACK_COMPLETE"
    assert aws.outputs("twice") == {"Told": "Update a a by one"}


def test_what_cannot_be_removed_in_the_clean_up_does_not_undo_the_update(aws):
    # Given a bucket that is not empty
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "not-empty"}}
    aws.deploy("left", {"Bucket": bucket, "Queue": queue()})
    aws.client("s3").put_object(Bucket="not-empty", Key="k", Body=b"")
    # When the template no longer has it
    aws.deploy("left", {"Queue": queue()})
    # Then the update succeeds, and the bucket stays without the stack
    assert aws.status("left") == "UPDATE_COMPLETE"
    assert aws.keys("not-empty") == ["k"]
    assert until(lambda: "DELETE_FAILED" in str(list(aws.events("left"))), 5, "the failure is told")


def test_new_events_do_not_shift_the_pages_of_the_older_ones(aws):
    # Given a stack with more events than a page has, and the first page
    queues_of_stack = {f"Queue{number}": queue() for number in range(50)}
    aws.deploy("paged", queues_of_stack)
    cloudformation = aws.client("cloudformation")
    before = [event["EventId"] for event in aws.events("paged")]
    first = cloudformation.describe_stack_events(StackName="paged")
    # When more events come, and the next page is asked for
    aws.deploy("paged", queues_of_stack | {"Queue0": queue(VisibilityTimeout="40")})
    second = cloudformation.describe_stack_events(StackName="paged", NextToken=first["NextToken"])
    # Then it goes on where the first ended
    told = [event["EventId"] for page in (first, second) for event in page["StackEvents"]]
    assert len(first["StackEvents"]) < len(before)
    assert told == before[: len(told)]
    assert [event["EventId"] for event in aws.events("paged")][-len(before) :] == before
    # And no other token is taken
    with pytest.raises(ClientError, match="NextToken"):
        cloudformation.describe_stack_events(StackName="paged", NextToken="the next one")
