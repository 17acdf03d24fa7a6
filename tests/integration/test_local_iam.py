"""IAM of the embedded AWS: roles and users may do what their policies say, services in their name too."""

import json
import time
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local_server import REGION, LocalServer, function, until

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
HELLO = "def handler(event, context):\n    print('hello from the function')\n    return 1"


def role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}] if statements else [],
        },
    }


def allow(action: Any, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


def session(aws: LocalServer, role_name: str) -> Any:
    """An S3 client in a role."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role_name}"
    given = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return boto3.Session(*keys, region_name=REGION).client("s3", endpoint_url=aws.endpoint)


def test_a_bucket_with_a_key_is_for_those_who_have_the_key(aws):
    # Given a bucket that a key encrypts, and two roles of which one may use the key
    encryption = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}]
    objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::encrypted-bucket/*")
    resources = {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "encrypted-bucket",
                "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
            },
        },
        "With": role("lambda.amazonaws.com", objects, allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY)),
        "Reads": role("lambda.amazonaws.com", objects, allow("kms:Decrypt", KEY)),
        "Without": role("lambda.amazonaws.com", objects),
    }
    names = aws.deploy("keys", resources, {name: {"Ref": name} for name in ("With", "Reads", "Without")})
    # Then it writes, one reads, and the other does neither
    session(aws, names["With"]).put_object(Bucket="encrypted-bucket", Key="a", Body=b"body")
    reads, without = session(aws, names["Reads"]), session(aws, names["Without"])
    assert reads.get_object(Bucket="encrypted-bucket", Key="a")["Body"].read() == b"body"
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        reads.put_object(Bucket="encrypted-bucket", Key="a", Body=b"")
    with pytest.raises(ClientError, match="kms:Decrypt"):
        without.get_object(Bucket="encrypted-bucket", Key="a")


def test_a_user_may_do_what_his_policy_says_and_the_administrator_everything(aws):
    iam = aws.client("iam")
    iam.create_user(UserName="reader")
    keys = iam.create_access_key(UserName="reader")["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets", "*")]}
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    reader = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name=REGION)
    assert "Buckets" in reader.client("s3", endpoint_url=aws.endpoint).list_buckets()
    with pytest.raises(ClientError, match=r"user/reader is not authorized to perform: s3:CreateBucket"):
        reader.client("s3", endpoint_url=aws.endpoint).create_bucket(
            Bucket="of-the-reader", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    for service, call in (("glue", "get_databases"), ("emr-serverless", "list_applications"), ("sqs", "list_queues")):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(reader.client(service, endpoint_url=aws.endpoint), call)()


def test_a_role_that_does_not_trust_lambda_makes_no_function(aws):
    resources = {
        "Role": role("ec2.amazonaws.com", allow("*", "*")),
        "F": function(aws.upload("trust.zip", HELLO)),
    }
    aws.deploy("untrusting", resources)
    assert aws.status("untrusting") == "ROLLBACK_COMPLETE"
    assert "cannot be assumed by lambda.amazonaws.com" in aws.reasons("untrusting")


def test_a_queue_is_read_only_in_a_role_that_may(aws):
    resources = {
        "Role": role("lambda.amazonaws.com"),
        "F": function(aws.upload("source.zip", HELLO)),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"EventSourceArn": {"Fn::GetAtt": "Queue.Arn"}, "FunctionName": {"Ref": "F"}},
        },
    }
    aws.deploy("source", resources)
    assert aws.status("source") == "ROLLBACK_COMPLETE"
    assert "sqs:ReceiveMessage" in aws.reasons("source")


def logging_stack(aws: LocalServer, *statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Logs": {"Type": "AWS::Logs::LogGroup"},
        "Role": role("lambda.amazonaws.com", *statements),
        "F": function(aws.upload("logs.zip", HELLO), LoggingConfig={"LogGroup": {"Ref": "Logs"}}),
    }


def lines(aws: LocalServer, group: str) -> list[str]:
    logs = aws.client("logs")
    streams = [one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    events = [logs.get_log_events(logGroupName=group, logStreamName=name)["events"] for name in streams]
    return [event["message"] for page in events for event in page]


def test_a_function_logs_in_its_role_or_not_at_all(aws):
    writes = allow(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": "Logs.Arn"})
    outputs = {"Logs": {"Ref": "Logs"}, "F": {"Ref": "F"}}
    may, mute = aws.deploy("may", logging_stack(aws, writes), outputs), aws.deploy("mute", logging_stack(aws), outputs)
    for stack in (mute, may):
        aws.client("lambda").invoke(FunctionName=stack["F"])
    until(lambda: "hello from the function" in lines(aws, may["Logs"]), 10, "the line is there")
    assert lines(aws, mute["Logs"]) == []


def test_a_schedule_invokes_only_what_its_role_may(aws):
    def schedule(role_name: str) -> dict[str, Any]:
        target = {"Arn": {"Fn::GetAtt": "F.Arn"}, "RoleArn": {"Fn::GetAtt": f"{role_name}.Arn"}}
        never = {"ScheduleExpression": "rate(100 days)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
        return {"Type": "AWS::Scheduler::Schedule", "Properties": never}

    invokes = allow("lambda:InvokeFunction", {"Fn::GetAtt": "F.Arn"})
    writes = allow(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": "Logs.Arn"})
    resources = logging_stack(aws, writes) | {
        "Idle": role("scheduler.amazonaws.com"),
        "Active": role("scheduler.amazonaws.com", invokes),
        "Refused": schedule("Idle"),
        "Allowed": schedule("Active"),
    }
    logs = aws.deploy("scheduled", resources, {"Logs": {"Ref": "Logs"}})["Logs"]
    fire(aws, "Refused")
    time.sleep(2)
    assert lines(aws, logs) == []
    fire(aws, "Allowed")
    until(lambda: lines(aws, logs), 20, "the function has been invoked")


def fire(aws: LocalServer, name: str) -> None:
    url = f"{aws.endpoint}/_local/schedules/{name}/fire"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as answer:
        assert json.load(answer)["fired"]


def test_a_budget_with_its_receivers_and_a_topic_are_made_changed_and_removed(aws):
    def stack(amount: str) -> dict[str, Any]:
        subscriber = {"SubscriptionType": "SNS", "Address": {"Ref": "Topic"}}
        told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80}
        budget = {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": amount, "Unit": "USD"}}
        return {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": KEY}},
            "Budget": {
                "Type": "AWS::Budgets::Budget",
                "Properties": {
                    "Budget": budget,
                    "NotificationsWithSubscribers": [{"Notification": told, "Subscribers": [subscriber]}],
                },
            },
        }

    for amount in ("50", "70"):
        made = aws.deploy("budget", stack(amount), {"Topic": {"Ref": "Topic"}, "Budget": {"Ref": "Budget"}})
        budgets = aws.client("budgets")
        (found,) = budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
        assert found["BudgetLimit"]["Amount"] == amount
        told = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=made["Budget"])
        assert [one["Threshold"] for one in told["Notifications"]] == [80.0]
    topic = aws.client("sns").get_topic_attributes(TopicArn=made["Topic"])["Attributes"]
    assert topic["KmsMasterKeyId"] == KEY
    aws.client("cloudformation").delete_stack(StackName="budget")
    until(lambda: not aws.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets"), 10, "it is gone")


def test_a_customer_managed_policy_allows_what_its_default_version_says(aws):
    # Given a bucket, and a role whose only policy is a managed one
    policy = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "PolicyDocument": {"Statement": [allow("s3:PutObject", "arn:aws:s3:::managed-bucket/first/*")]},
            "Roles": [{"Ref": "Writer"}],
        },
    }
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "managed-bucket"}},
        "Writer": role("lambda.amazonaws.com"),
        "Policy": policy,
    }
    outputs = aws.deploy("managed", resources, {"Writer": {"Ref": "Writer"}})
    writer = session(aws, outputs["Writer"])
    writer.put_object(Bucket="managed-bucket", Key="first/a", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket="managed-bucket", Key="second/a", Body=b"1")
    # When the policy is updated, its new version counts, and only that
    policy["Properties"]["PolicyDocument"]["Statement"] = [
        allow("s3:PutObject", "arn:aws:s3:::managed-bucket/second/*")
    ]
    aws.deploy("managed", resources, {"Writer": {"Ref": "Writer"}})
    writer.put_object(Bucket="managed-bucket", Key="second/a", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket="managed-bucket", Key="first/b", Body=b"1")
