"""The template's alarms: each tells somebody, is about something that is measured, and is explained."""

import json
import re
from typing import Any

import pytest

from tests.template_roles import ACCOUNT, REGION, ROOT, STACK, resolved

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"
SOURCES = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
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
