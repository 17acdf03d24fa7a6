"""The template's alarms in the embedded AWS: each is raised by its fault, told, and over when the fault is mended."""

import json
import re
from collections.abc import Iterator

import pytest

from demo.deploy import STACK
from tests.alarm_faults import FAULTS, TOPIC, Deployed
from tests.template_roles import ROOT
from tests.template_stack import TemplateStack
from tests.told_runs import ToldServer

QUICK = {
    "ExpressKeys": "0",
    "BatchWindowSeconds": "1",
    "LaunchAfterMinutes": "0",
    "MaxAttempts": "1",
    "ClockSchedule": "rate(1 day)",
}
ALARMS = sorted(re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", (ROOT / "template.yaml").read_text(), re.M))
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldServer]:
    server = ToldServer(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def deployed(aws: ToldServer) -> Deployed:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    assert sns.create_topic(Name="alarms")["TopicArn"] == TOPIC
    sqs.create_queue(QueueName="heard")
    told = {"Protocol": "sqs", "Endpoint": TOPIC.replace("sns", "sqs").replace(":alarms", ":heard")}
    sns.subscribe(TopicArn=TOPIC, **told, Attributes={"RawMessageDelivery": "true"})
    stack = TemplateStack(aws, STACK)
    assert stack.deploy(**QUICK, AlarmTopicArn=TOPIC, IdentifyAccess="public") == "CREATE_COMPLETE", aws.reasons(STACK)
    return Deployed(aws, aws.outputs(STACK))


def heard(deployed: Deployed) -> list[tuple[str, str, str]]:
    """What the topic has told since it was last asked: (alarm, old state, new state)."""
    sqs, found = deployed.aws.client("sqs"), []
    url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            told = json.loads(message["Body"])
            found.append((told["AlarmName"], told["OldStateValue"], told["NewStateValue"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def on(deployed: Deployed) -> set[str]:
    """The alarms that `pomona status` shows."""
    return {one["name"] for one in json.loads(deployed.pomona("status", "--json"))["alarms"]}


def test_every_alarm_of_the_template_has_a_fault_that_raises_it():
    assert len(ALARMS) >= 9
    assert sorted(FAULTS) == ALARMS


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_on_while_its_fault_lasts(deployed: Deployed, name: str):
    fault = FAULTS[name]
    # Given a system in which all is well
    deployed.look()
    deployed.evaluate(minutes=1)
    assert deployed.alarm(name)["StateValue"] != "ALARM"
    heard(deployed)
    # When its fault is there, and some minutes have passed
    steps = fault.steps(deployed)
    next(steps)
    at = deployed.evaluate(minutes=fault.on_after)
    # Then the alarm is on, says why and since when, and whoever is to hear of it has heard
    alarm = deployed.alarm(name)
    assert (alarm["StateValue"], alarm["StateReason"][:17]) == ("ALARM", "Threshold Crossed")
    assert abs((alarm["StateUpdatedTimestamp"] - at).total_seconds()) <= 61  # evaluated once a minute
    assert deployed.stack[name] in [told for told, _, new in heard(deployed) if new == "ALARM"]
    assert name in on(deployed)
    # And when the fault is mended, and some minutes have passed, it is off
    assert next(steps, "mended") == "mended"
    deployed.evaluate(minutes=fault.off_after)
    assert deployed.alarm(name)["StateValue"] == "OK"
    assert name not in on(deployed)
    over = (deployed.stack[name], "ALARM", "OK")
    assert (over in heard(deployed)) == bool(alarm["OKActions"])
    # And its history has both
    told = deployed.aws.client("cloudwatch").describe_alarm_history(AlarmName=deployed.stack[name])
    summaries = [item["HistorySummary"] for item in told["AlarmHistoryItems"]]
    assert summaries[0] == "Alarm updated from ALARM to OK"
    assert re.fullmatch(r"Alarm updated from \w+ to ALARM", summaries[1])
