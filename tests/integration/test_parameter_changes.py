"""Each parameter is changed on a living stack: in place, by a replacement that loses nothing, or it is refused.

And each property that can only be set when a resource is created: the registry's schemas, as cfn-lint ships them, say
which these are.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.cloudformation.registry import is_custom, schema
from embedded_aws.cloudformation.templates import parse_template
from tests.local_server import REGION, ROOT, LocalServer, until
from tests.parameter_changes import CHANGES, IN_PLACE, REFUSED, REPLACING, TOPIC
from tests.template_roles import resolved as resources_of
from tests.template_stack import TemplateStack

LAKE = f"pomona-lake-123456789012-{REGION}"
TAKES_LOGS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::access-logs/*",
        }
    ],
}
LASTING = {"ImagesBucket", "LakeBucket", "Database", "EventQueue", "DeadLetterQueue", "PublishedBundle", "RunLogs"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    for bucket in ("photos", "access-logs"):
        server.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    server.client("s3").put_bucket_policy(Bucket="access-logs", Policy=json.dumps(TAKES_LOGS))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def stack(aws: LocalServer) -> TemplateStack:
    stack = TemplateStack(aws)
    assert stack.deploy(
        ExpressKeys="0", LaunchAtKeys="1000000", LaunchAfterMinutes="1440", ClockSchedule="rate(1 day)"
    ) == ("CREATE_COMPLETE"), aws.reasons("pomona")
    aws.client("s3").put_object(Bucket=LAKE, Key="queue/failed/b.json", Body=b"{}")
    aws.client("sqs").send_message(QueueUrl=stack.resources()["DeadLetterQueue"], MessageBody="not lost")
    return stack


def default(stack: TemplateStack, name: str) -> str:
    return str(parse_template(stack.template)["Parameters"][name]["Default"])


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, set[str]]:
    both = set(before) & set(after)
    return {
        "replaced": {name for name in both if before[name] != after[name]},
        "made": set(after) - set(before),
        "gone": set(before) - set(after),
    }


def nothing_is_lost(stack: TemplateStack) -> bool:
    attributes = stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=stack.resources()["DeadLetterQueue"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return "queue/failed/b.json" in stack.aws.keys(LAKE) and attributes["ApproximateNumberOfMessages"] == "1"


def test_every_parameter_is_here():
    assert set(CHANGES) == set(parse_template((ROOT / "template.yaml").read_text())["Parameters"])


@pytest.mark.parametrize("name", [*IN_PLACE, *REPLACING])
def test_a_parameter_changes_there_and_back(stack: TemplateStack, name: str) -> None:
    # Given a stack with something in its lake and its queue
    change, start = CHANGES[name], dict(stack.parameters)
    original = default(stack, name)
    if change.beside:
        stack.deploy(**change.beside)
    before = stack.resources()
    # When the parameter changes
    assert stack.deploy(**{name: change.value}) == "UPDATE_COMPLETE", stack.told()
    # Then the resources are what they were, but for those that are said to be others
    found = differences(before, stack.resources())
    assert found == {"replaced": change.replaced, "made": change.made, "gone": change.gone}
    assert not found["replaced"] & LASTING
    assert nothing_is_lost(stack)
    assert "FAILED" not in stack.told()
    if change.variable:
        assert stack.variables()[change.variable] == change.value
    # And all of it can be undone
    assert stack.deploy(**{name: start.get(name, original)}) == "UPDATE_COMPLETE", stack.told()
    assert set(stack.resources()) == set(before)
    assert nothing_is_lost(stack)
    if change.beside:
        stack.deploy(**dict.fromkeys(change.beside, ""))


@pytest.mark.parametrize("name", REFUSED)
def test_a_parameter_that_cannot_change_is_refused_and_everything_is_as_it_was(stack: TemplateStack, name: str) -> None:
    before, variables = stack.resources(), stack.variables()
    assert stack.deploy(**{name: CHANGES[name].value}) == "UPDATE_ROLLBACK_COMPLETE"
    assert CHANGES[name].refused in stack.told()
    assert (stack.resources(), stack.variables()) == (before, variables)
    assert nothing_is_lost(stack)


SLEEPING = "import time\ntime.sleep(600)\n"


@pytest.fixture
def run(stack: TemplateStack) -> Iterator[dict[str, str]]:
    """A run in flight."""
    emr, found = stack.aws.client("emr-serverless"), stack.resources()
    stack.aws.client("s3").put_object(Bucket=LAKE, Key="jobs/sleeping.py", Body=SLEEPING.encode())
    started = emr.start_job_run(
        applicationId=found["Application"],
        clientToken=uuid.uuid4().hex,
        executionRoleArn=f"arn:aws:iam::123456789012:role/{found['JobRole']}",
        jobDriver={"sparkSubmit": {"entryPoint": f"s3://{LAKE}/jobs/sleeping.py"}},
    )
    run = {"applicationId": started["applicationId"], "jobRunId": started["jobRunId"]}
    until(lambda: state_of(stack, run) == "RUNNING", 60, "the run is in flight")
    yield run
    emr.cancel_job_run(**run)
    until(lambda: state_of(stack, run) == "CANCELLED", 60, "the run has ended")


def state_of(stack: TemplateStack, run: dict[str, str]) -> str:
    return str(stack.aws.client("emr-serverless").get_job_run(**run)["jobRun"]["state"])


@pytest.mark.parametrize("name", ["MaxVcpus", "KmsKeyArn", "ReleaseLabel"])
def test_an_application_changes_while_a_run_is_in_flight_which_goes_on(stack: TemplateStack, run, name: str) -> None:
    # Given a run in flight, and an application that is thus not stopped
    before, start = stack.resources(), stack.parameters.get(name, default(stack, name))
    # When the application has to change
    assert stack.deploy(**{name: CHANGES[name].value}) == "UPDATE_COMPLETE", stack.told()
    # Then there is another one, for the runs to come; the old one could not be deleted, and its run goes on
    application = stack.resources()["Application"]
    assert application != before["Application"] == run["applicationId"]
    assert stack.variables()["APPLICATION_ID"] == application
    assert state_of(stack, run) == "RUNNING"
    stack.deploy(**{name: start})


def test_a_change_of_the_application_that_its_name_does_not_tell_is_refused_while_a_run_is_in_flight(
    stack, run
) -> None:
    # Given a template with another change than those of the parameters (aws-solutions-library-samples/
    # guidance-for-clickstream-analytics-on-aws #60: CloudFormation does not stop an application to update it)
    changed = stack.transformed()
    changed["Resources"]["Application"]["Properties"]["AutoStopConfiguration"] = {"Enabled": False}
    # Then AWS refuses it, and refuses to undo it too
    assert stack.deploy(changed) == "UPDATE_ROLLBACK_FAILED"
    assert "must be in one of the statuses to be updated: [STOPPED, CREATED]. Current status: STARTED" in stack.told()


def test_the_rollback_is_continued_once_the_application_has_stopped(stack: TemplateStack) -> None:
    # Given what the test before has left, which takes no update
    with pytest.raises(ClientError, match="is in UPDATE_ROLLBACK_FAILED state and can not be updated"):
        stack.deploy()
    # When the run has ended
    stack.aws.client("cloudformation").continue_update_rollback(StackName="pomona")
    # Then the stack is as it was (docs/upgrade.md)
    until(lambda: stack.status() == "UPDATE_ROLLBACK_COMPLETE", 30, "the rollback is done")
    assert stack.deploy(MaxAttempts="4") == "UPDATE_COMPLETE", stack.told()


# Where a property is set that only a new resource can have: what changes it, by the resource and the property
FIXED = {
    "AWS::EMRServerless::Application": {"Name": {"MaxVcpus", "KmsKeyArn", "ReleaseLabel"}, "Type": set()},
    "AWS::CloudWatch::Dashboard": {"DashboardName": set()},
    "AWS::Scheduler::Schedule": {"Name": set()},
    "AWS::Budgets::Budget": {"NotificationsWithSubscribers": {"AlarmTopicArn", "AlarmEmail"}},
    "AWS::Lambda::Alias": {"Name": set(), "FunctionName": set()},
    "AWS::Lambda::Version": {"FunctionName": set()},
    "AWS::Lambda::EventInvokeConfig": {"FunctionName": set(), "Qualifier": set()},
    "AWS::Lambda::EventSourceMapping": {"EventSourceArn": set()},
    "AWS::Lambda::Permission": {
        "Action": set(),
        "FunctionName": set(),
        "FunctionUrlAuthType": set(),
        "InvokedViaFunctionUrl": set(),
        "Principal": set(),
        "SourceArn": set(),
    },
    "AWS::Lambda::Url": {"TargetFunctionArn": set()},
}


def pointers(kind: str, keyword: str) -> list[str]:
    return [one.removeprefix("/properties/") for one in schema(kind, REGION).get(keyword) or ()]


def fixed_properties(template: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """By logical id and property: what the template says of properties that only a new resource can have."""
    found = {}
    for name, body in template["Resources"].items():
        for one in [] if is_custom(body["Type"]) else pointers(body["Type"], "createOnlyProperties"):
            if one in body.get("Properties", {}):
                found[name, one] = body["Properties"][one]
    return found


def test_every_property_that_only_a_new_resource_can_have_is_here(stack: TemplateStack) -> None:
    template = stack.transformed()
    found: dict[str, set[str]] = {}
    for name, one in fixed_properties(template):
        found.setdefault(template["Resources"][name]["Type"], set()).add(one)
    assert found == {kind: set(properties) for kind, properties in FIXED.items()}


# with them every resource but the topic is there
BOTH = {"MonthlyBudgetUsd": "7", "AlarmTopicArn": TOPIC, "IdentifyAccess": "public"}
STACK_OF = {name: {**BOTH, name: change.value} for name, change in CHANGES.items()}
STACK_OF["AlarmEmail"]["AlarmTopicArn"] = ""
STACK_OF["AlarmTopicArn"] = {**BOTH, "AlarmTopicArn": TOPIC + "-other"}


@pytest.mark.parametrize("parameter", sorted(set(CHANGES) - {"MonthlyBudgetUsd", "ImagesBucketName"}))
def test_a_parameter_changes_only_the_fixed_properties_that_are_said_here(parameter: str) -> None:
    # Given the template's resources with a parameter's default and with another value
    before, after = resources_of(**BOTH), resources_of(**STACK_OF[parameter])
    for name, body in before.items():
        kind = "AWS::EMRServerless::Application" if name == "Application" else body["Type"]
        if is_custom(kind) or name not in after:
            continue
        # Then only those differ that are said to
        for one in FIXED.get(kind, ()):
            changes = body.get(one) != after[name].get(one)
            assert changes == (parameter in FIXED[kind][one]), (name, one)
        # And what AWS changes only in a stopped application comes with another name, and so another application
        fixed = pointers(kind, "conditionalCreateOnlyProperties")
        if any(body.get(one) != after[name].get(one) for one in fixed):
            assert body["Name"] != after[name]["Name"], (name, parameter)


@pytest.mark.parametrize(
    ("logical_id", "name", "value", "status"),
    [
        ("Application", "Name", "another", "UPDATE_COMPLETE"),
        ("Application", "Type", "HIVE", "UPDATE_ROLLBACK_COMPLETE"),
        ("Dashboard", "DashboardName", "another", "UPDATE_COMPLETE"),
        ("RefitFunctionRefitClock", "Name", "another", "UPDATE_COMPLETE"),
        ("MaintainFunctionMaintenanceClock", "Name", "another-one", "UPDATE_COMPLETE"),
        ("PublishFunctionAliaslive", "Name", "another", "UPDATE_COMPLETE"),
        (
            "IngestFunctionImageEvents",
            "EventSourceArn",
            {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
            # its visibility time-out is too short for a function
            "UPDATE_ROLLBACK_COMPLETE",
        ),
        ("AdvanceFunctionClockPermission", "Action", "lambda:*", "UPDATE_COMPLETE"),
        ("AdvanceFunctionRunStateChangePermission", "Principal", "s3.amazonaws.com", "UPDATE_COMPLETE"),
    ],
)
def test_a_fixed_property_changes_by_a_new_resource_or_not_at_all(stack, logical_id, name, value, status) -> None:
    # Given the stack as it was
    before = stack.resources()
    changed = stack.transformed()
    changed["Resources"][logical_id]["Properties"][name] = value
    # When one property that cannot change is another one
    assert stack.deploy(changed) == status, stack.told()
    # Then its resource is a new one, or nothing has changed; and nothing is lost
    replaced = differences(before, stack.resources())["replaced"]
    assert replaced == ({logical_id} if status == "UPDATE_COMPLETE" else set())
    assert nothing_is_lost(stack)
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
