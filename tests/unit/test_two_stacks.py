"""Two stacks in one account and region: no resource has a name that the other's has too."""

import json
from pathlib import Path

import pytest

from embedded_aws.cloudformation.templates import parameter_values, parse_template, read_template

BODY = (
    (Path(__file__).resolve().parents[2] / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: s3://code/key")
)
NAMES = ("Name", "AlarmName", "BucketName", "DashboardName", "FunctionName", "LogGroupName", "QueueName", "RoleName")
# these only refer to what has the name
REFERRING = ("AWS::Lambda::Alias", "AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::Lambda::EventSourceMapping")
REFERRING += ("Custom::Notification", "AWS::Lambda::EventInvokeConfig")
RESOURCES = read_template(BODY, parameter_values(parse_template(BODY), {}), "eu-west-3")["Resources"]
NAMED = [
    (logical_id, name)
    for logical_id, body in RESOURCES.items()
    for name in NAMES
    if body["Type"] not in REFERRING and name in body.get("Properties", {})
]


def test_there_are_resources_with_names() -> None:
    assert ("RefitFunctionRefitClock", "Name") in NAMED


@pytest.mark.parametrize(("logical_id", "name"), NAMED)
def test_a_name_holds_the_stacks(logical_id: str, name: str) -> None:
    assert "${AWS::StackName}" in json.dumps(RESOURCES[logical_id]["Properties"][name])
