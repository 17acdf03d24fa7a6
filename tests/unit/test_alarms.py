"""The template's alarms: each tells somebody, is about something that is measured, and is explained."""

import json
import re
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session

from tests.template_roles import ACCOUNT, REGION, ROOT, STACK, resolved

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"
SOURCES = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def alarms(**parameters: str) -> dict[str, dict[str, Any]]:
    return {name: body for name, body in resolved(**parameters).items() if body["Type"] == "AWS::CloudWatch::Alarm"}


NAMES = sorted(alarms())


@pytest.mark.parametrize("name", [*NAMES, "Budget"])
def test_the_documentation_says_what_to_do(name):
    section = re.search(rf"^### {name}\n\n(\*.+?)(?=^##|\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert section, f"docs/operations.md has no section {name}"
    assert len(section[1]) > 200
    if name != "Budget":
        assert "docs/operations.md" in alarms()[name]["AlarmDescription"]


@pytest.mark.parametrize("name", [*NAMES, "Budget"])
def test_an_entry_of_the_runbook_has_meaning_impact_diagnosis_and_mitigation(name):
    section = OPERATIONS.partition(f"### {name}\n")[2].partition("\n##")[0]
    assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == PARTS


def commands(text: str) -> list[list[str]]:
    """The words of each `aws` command in blocks and in running text."""
    found = re.findall(r"^ *(aws .+)$", text, re.MULTILINE) + re.findall(r"`(aws [^`]+)`", text)
    return [command.split() for command in found]


@pytest.mark.parametrize("words", commands(OPERATIONS.partition("## Alarms\n")[2]), ids=" ".join)
def test_the_runbooks_commands_are_those_of_aws(words):
    # Given AWS's own model of the service; then the operation and each of its options are in it
    _, service, operation, *rest = words
    model = get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations
    members = model.operation_model(operations[operation]).input_shape.members
    options = {f"--{xform_name(name, '-')}" for name in members} | {"--query", "--output"}
    assert {word for word in rest if word.startswith("--")} <= options


def test_dead_letters_are_redriven_before_anything_is_judged_or_purged():
    section = OPERATIONS.partition("### DeadLetterAlarm\n")[2].partition("\n##")[0]
    order = ("start-message-move-task", "list-message-move-tasks", "receive-message", "purge-queue")
    places = [section.index(f"aws sqs {command}") for command in order]
    assert places == sorted(places)


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_tells_who_is_to_hear_of_it(name):
    assert not alarms()[name].get("AlarmActions")
    assert alarms(AlarmEmail="a@example.org")[name]["AlarmActions"] == ["AlarmTopic"]
    assert alarms(AlarmTopicArn=TOPIC)[name]["AlarmActions"] == [TOPIC]


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return stats or [alarm]


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_is_about_what_this_stack_measures(name):
    for metric in metrics_of(alarms()[name]):
        if metric["Namespace"] == "Pomona":
            assert f'"{metric["MetricName"]}"' in SOURCES
            assert metric["Dimensions"] == [{"Name": "service", "Value": STACK}]
        else:
            (dimension,) = metric["Dimensions"]
            assert dimension["Name"] in ("QueueName", "FunctionName")


def test_the_functions_measure_under_the_stacks_name():
    for body in resolved().values():
        if body["Type"] == "AWS::Lambda::Function":
            assert body["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == STACK


def test_the_thresholds_are_the_parameters():
    asked = {"OldestPendingAlarmSeconds": "900", "RefitAlarmSeconds": "7200", "ErrorRatePercent": "3"}
    found = alarms(**asked)
    thresholds = [found[name]["Threshold"] for name in ("OldestPendingAlarm", "RefitOverdueAlarm", "ErrorRateAlarm")]
    assert thresholds == ["900", "7200", "3"]


def test_a_failed_maintenance_is_told_until_a_run_manages_it():
    # no run, no measurement: silence must neither end the alarm nor raise it
    alarm = alarms()["MaintenanceAlarm"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("MaintenanceErrors", "Minimum", 0)
    assert alarm["TreatMissingData"] == "ignore"


def test_the_dashboard_is_json_and_shows_every_alarm():
    body = json.loads(resolved()["Dashboard"]["DashboardBody"])
    assert len(body["widgets"][0]["properties"]["alarms"]) == len(NAMES)
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if line[0] == "Pomona":
                assert line[2:4] == ["service", STACK]


@pytest.mark.parametrize(
    ("parameters", "subscriber"),
    [
        ({"AlarmEmail": "a@example.org"}, {"SubscriptionType": "EMAIL", "Address": "a@example.org"}),
        ({"AlarmTopicArn": TOPIC}, {"SubscriptionType": "SNS", "Address": TOPIC}),
    ],
)
def test_a_budget_is_made_on_request_and_tells_the_same_people(parameters, subscriber):
    assert "Budget" not in resolved(**parameters)
    budget = resolved(MonthlyBudgetUsd="50", **parameters)["Budget"]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": "50", "Unit": "USD"}
    told = [one["Subscribers"] for one in budget["NotificationsWithSubscribers"]]
    assert told == [[subscriber], [subscriber]]
