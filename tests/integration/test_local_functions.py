"""Functions of the embedded AWS: how they are called, by whom, and what becomes of a message that fails."""

import json
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.local_server import ROLE, LocalServer, function, until

RECORDER = """
import json, os, uuid, boto3
def handler(event, context):
    name = event.get("detail-type", "batch").replace(" ", "-") + "/" + uuid.uuid4().hex
    boto3.client("s3").put_object(Bucket=os.environ["OUT"], Key=name, Body=json.dumps(event))
    bad = [r["messageId"] for r in event.get("Records", []) if "bad" in r["body"]]
    return {"batchItemFailures": [{"itemIdentifier": i} for i in bad]}
"""
ODD = """
import os, sys, time
def handler(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("raise"):
        raise ValueError("told to")
    if event.get("exit"):
        os._exit(3)
    print("this goes to the log")
    return {"name": context.function_name, "left": context.get_remaining_time_in_millis(), "path": sys.path,
            "arn": context.invoked_function_arn, "role": os.environ["AWS_SESSION_TOKEN"] != ""}
"""


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


@pytest.fixture(scope="module")
def pipeline(aws: LocalServer) -> dict[str, str]:
    """Images bucket → queue → recorder, which writes every event that it gets into the bucket Out."""
    resources = {
        "Role": ROLE,
        "Out": {"Type": "AWS::S3::Bucket"},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 6,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 2},
            },
        },
        "Images": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "NotificationConfiguration": {
                    "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": "Queue.Arn"}}]
                }
            },
        },
        "Recorder": function(
            aws.upload("recorder.zip", RECORDER), Environment={"Variables": {"OUT": {"Ref": "Out"}}}, Timeout=6
        ),
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": "Queue.Arn"},
                "FunctionName": {"Ref": "Recorder"},
                "BatchSize": 1000,
                "MaximumBatchingWindowInSeconds": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["my.app"], "detail": {"kind": ["good"]}},
                "Targets": [{"Id": "one", "Arn": {"Fn::GetAtt": "Recorder.Arn"}}],
            },
        },
        "Nightly": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": "cron(0 3 * * ? *)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": {"Fn::GetAtt": "Recorder.Arn"},
                    "RoleArn": {"Fn::GetAtt": "Role.Arn"},
                    "Input": '{"detail-type": "nightly", "at": "<aws.scheduler.scheduled-time>"}',
                },
            },
        },
    }
    names = {name: {"Ref": name} for name in ("Out", "Images", "Queue", "Dead", "Nightly")}
    return aws.deploy("pipeline", resources, names)


@pytest.fixture(scope="module")
def odd(aws: LocalServer) -> str:
    resources = {"Role": ROLE, "Odd": function(aws.upload("odd.zip", ODD), Timeout=2)}
    return aws.deploy("odd", resources, {"Odd": {"Ref": "Odd"}})["Odd"]


def batches(aws: LocalServer, out: str, text: str) -> list[dict]:
    """The batches with a message that has this text (S3 sends one of its own when the bucket is configured)."""
    events = [aws.read(out, key) for key in aws.keys(out, "batch/")]
    return [event for event in events if any(text in record["body"] for record in event["Records"])]


def test_messages_within_the_window_arrive_as_one_batch(aws, pipeline):
    entries = [{"Id": str(number), "MessageBody": f"together {number}"} for number in range(10)]
    aws.client("sqs").send_message_batch(QueueUrl=pipeline["Queue"], Entries=entries)
    until(lambda: batches(aws, pipeline["Out"], "together"), 15, "the batch")
    (batch,) = batches(aws, pipeline["Out"], "together")
    assert sum("together" in record["body"] for record in batch["Records"]) == 10


def test_an_upload_arrives_as_lambdas_record_of_an_s3_event(aws, pipeline):
    aws.client("s3").put_object(Bucket=pipeline["Images"], Key="red apple/é+1.jpg", Body=b"x")
    (batch,) = until(lambda: batches(aws, pipeline["Out"], "Records"), 15, "the batch")
    first = batch["Records"][0]
    assert first["eventSource"] == "aws:sqs"
    assert first["attributes"]["ApproximateReceiveCount"] == "1"
    assert "red+apple" in json.loads(first["body"])["Records"][0]["s3"]["object"]["key"]


def test_a_message_that_fails_alone_comes_again_alone_and_ends_in_the_dead_letter_queue(aws, pipeline):
    # Given a good and a bad message
    sqs, dead = aws.client("sqs"), pipeline["Dead"]
    sqs.send_message(QueueUrl=pipeline["Queue"], MessageBody="good one")
    sqs.send_message(QueueUrl=pipeline["Queue"], MessageBody="bad one")
    # Then the bad one is dead after it was received twice, and the good one is not
    found = until(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), 40, "the dead letter")
    assert [message["Body"] for message in found] == ["bad one"]
    bodies = [
        r["body"] for key in aws.keys(pipeline["Out"], "batch/") for r in aws.read(pipeline["Out"], key)["Records"]
    ]
    assert bodies.count("good one") == 1
    assert bodies.count("bad one") == 2


def test_a_rule_sends_what_matches_its_pattern_and_nothing_else(aws, pipeline):
    entry = {"Source": "my.app", "DetailType": "rule tested"}
    aws.client("events").put_events(
        Entries=[{**entry, "Detail": '{"kind": "bad"}'}, {**entry, "Detail": '{"kind": "good"}'}]
    )
    keys = until(lambda: aws.keys(pipeline["Out"], "rule-tested/"), 10, "the event")
    assert [aws.read(pipeline["Out"], key)["detail"]["kind"] for key in keys] == ["good"]


def test_a_schedule_fires_when_asked_by_its_logical_name(aws, pipeline):
    asked = urllib.request.Request(f"{aws.endpoint}/_local/schedules/Nightly/fire", method="POST")
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer) == {"fired": [pipeline["Nightly"]]}
    (key,) = until(lambda: aws.keys(pipeline["Out"], "nightly/"), 10, "the schedule's event")
    assert aws.read(pipeline["Out"], key)["at"].startswith("20")


def invoke(aws: LocalServer, name: str, event: dict) -> tuple[str | None, dict]:
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def test_a_function_sees_its_package_and_nothing_of_this_project(aws, odd):
    error, answer = invoke(aws, odd, {})
    assert error is None
    assert answer["name"] == odd
    assert answer["arn"].endswith(f":function:{odd}")
    assert 0 < answer["left"] <= 2000
    assert answer["role"]
    assert not [folder for folder in answer["path"] if "site-packages" in folder]
    assert "this goes to the log" in (aws.state / "logs" / "functions" / f"{odd}.log").read_text()


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        ({"raise": True}, "ValueError", "told to"),
        ({"exit": True}, "Runtime.ExitError", "exited"),
        ({"sleep": 30}, "Sandbox.Timedout", "timed out after 2.00 seconds"),
    ],
)
def test_a_function_that_fails_is_reported_as_on_aws_and_works_again(aws, odd, event, kind, text):
    began = time.monotonic()
    error, answer = invoke(aws, odd, event)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert text in answer["errorMessage"]
    assert time.monotonic() - began < 25
    assert invoke(aws, odd, {})[0] is None


def test_a_function_gets_the_native_packages_that_its_own_package_leaves_out(aws: LocalServer):
    # Given a function whose package names packages instead of holding them for Lambda's Python
    code = aws.upload(
        "native.zip",
        "import numpy, sys\ndef handler(event, context):\n    return [numpy.__version__, sys.path]",
        {"native-packages.txt": "numpy\n"},
    )
    outputs = aws.deploy("native", {"Role": ROLE, "Native": function(code, Timeout=60)}, {"Name": {"Ref": "Native"}})
    # When it is invoked
    answered = json.load(aws.client("lambda").invoke(FunctionName=outputs["Name"])["Payload"])
    # Then it imports that of this interpreter, and nothing else that is installed here
    assert answered[0] == version("numpy")
    (native,) = [Path(folder) for folder in answered[1] if folder.endswith("/native")]
    assert {"numpy"} <= {path.name for path in native.iterdir()}
    assert not (native / "pyarrow").exists()
