"""CloudFormation of the embedded AWS: what is deployed, changed, refused and undone."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.local_server import ROLE, LocalServer, function, until

CUSTOM = """
import json, urllib.request
def handler(event, context):
    properties = event["ResourceProperties"]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": properties["Status"], "Reason": "because", "PhysicalResourceId": "copy",
               "Data": {"Done": event["RequestType"] + " " + properties["Digest"]}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


def custom_stack(aws: LocalServer, digest: str, status: str = "SUCCESS") -> dict:
    properties = {"ServiceToken": {"Fn::GetAtt": "Copy.Arn"}, "Digest": digest, "Status": status}
    return {
        "Role": ROLE,
        "Copy": function(aws.upload("custom.zip", CUSTOM)),
        "Bundle": {"Type": "Custom::Bundle", "Properties": properties},
    }


def test_a_custom_resource_is_created_then_updated_only_when_its_properties_change(aws):
    outputs = {"Done": {"Fn::GetAtt": ["Bundle", "Done"]}, "Id": {"Ref": "Bundle"}}
    assert aws.deploy("custom", custom_stack(aws, "one"), outputs) == {"Done": "Create one", "Id": "copy"}
    aws.deploy("custom", custom_stack(aws, "one"), {**outputs, "Other": "x"})
    assert aws.outputs("custom") == {"Done": "Create one", "Id": "copy", "Other": "x"}
    assert aws.deploy("custom", custom_stack(aws, "two"), outputs)["Done"] == "Update two"


def test_a_custom_resource_that_fails_ends_the_deployment_with_its_reason_and_undoes_it(aws):
    aws.deploy("failing", custom_stack(aws, "one", "FAILED"))
    assert aws.status("failing") == "ROLLBACK_COMPLETE"
    assert "because" in aws.reasons("failing")
    with pytest.raises(ClientError, match="Function not found"):
        aws.client("lambda").get_function(FunctionName="failing-Copy")


def test_an_unknown_resource_type_is_refused_by_its_name(aws):
    with pytest.raises(ClientError, match="AWS::Neptune::DBCluster"):
        aws.deploy("unknown", {"Graph": {"Type": "AWS::Neptune::DBCluster"}})


def test_a_failed_update_puts_the_stack_back(aws):
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "kept", "VisibilityTimeout": 11}}
    aws.deploy("update", {"Queue": queue})
    queue["Properties"]["VisibilityTimeout"] = 22
    aws.deploy("update", {"Queue": queue} | custom_stack(aws, "x", "FAILED"))
    assert aws.status("update") == "UPDATE_ROLLBACK_COMPLETE"
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl="kept", AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "11"


def test_a_deleted_stack_leaves_nothing(aws):
    aws.deploy("gone", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "bucket-to-go"}}})
    aws.client("cloudformation").delete_stack(StackName="gone")
    names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    assert "bucket-to-go" not in names
    with pytest.raises(ClientError, match="does not exist"):
        aws.status("gone")


@pytest.mark.parametrize(
    ("slot", "value", "complaint"),
    [
        ({"Type": "Number", "MinValue": 1, "MaxValue": 5}, "9", "MaxValue is 5"),
        ({"Type": "Number"}, "many", "must be a number"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "must be one of a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "7", r"must match \[a-z\]\+"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(aws, slot, value, complaint):
    template = {"Parameters": {"Size": slot}, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    with pytest.raises(ClientError, match=f"Size.*{complaint}"):
        aws.client("cloudformation").create_stack(
            StackName="parameter",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "Size", "ParameterValue": value}],
        )


def test_a_change_set_deploys_a_sam_template_with_its_outputs(aws):
    # Given a template with the SAM transform, as `sam deploy` sends it: by way of a change set
    code = aws.upload("sam.zip", "def handler(event, context): return 'hello'")
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Hello": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "CodeUri": {"Bucket": code["S3Bucket"], "Key": code["S3Key"]},
                    "Handler": "app.handler",
                    "Runtime": "python3.13",
                    "AutoPublishAlias": "live",
                },
            }
        },
        "Outputs": {"Name": {"Value": {"Ref": "Hello"}}},
    }
    cloudformation = aws.client("cloudformation")
    cloudformation.create_change_set(
        StackName="sam", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=json.dumps(template)
    )
    cloudformation.execute_change_set(StackName="sam", ChangeSetName="first")
    until(lambda: aws.status("sam") == "CREATE_COMPLETE", 30, "the stack is there")
    # Then its function answers, by its alias too
    name = aws.outputs("sam")["Name"]
    answer = aws.client("lambda").invoke(FunctionName=name, Qualifier="live")
    assert json.loads(answer["Payload"].read()) == "hello"


def test_glue_refuses_an_update_that_was_made_from_an_old_version(aws):
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(DatabaseName="lake", TableInput={"Name": "t"})
    glue.update_table(DatabaseName="lake", TableInput={"Name": "t", "Description": "a"}, VersionId="1")
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(DatabaseName="lake", TableInput={"Name": "t", "Description": "b"}, VersionId="1")
