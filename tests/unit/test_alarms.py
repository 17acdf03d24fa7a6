"""The template's alarms: each tells somebody, can be evaluated, and is explained.

That each is on while its fault lasts: tests/integration/test_local_alarms.py.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import typer
from botocore import xform_name
from botocore.session import get_session
from moto import mock_aws
from moto.cloudwatch.models import cloudwatch_backends

from embedded_aws.cloudwatch.definitions import rule_of
from embedded_aws.cloudwatch.evaluation import AlarmRule, Statistic, evaluate
from embedded_aws.cloudwatch.metrics import MetricRecord, MetricSample
from pomona_cli.app import app
from tests.template_roles import ACCOUNT, REGION, ROOT, STACK, resolved

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"
SOURCES = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
TEMPLATE = (ROOT / "template.yaml").read_text()
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def alarms(**parameters: str) -> dict[str, dict[str, Any]]:
    """Every alarm, also that of a public address."""
    resources = resolved(IdentifyAccess="public", **parameters)
    return {name: body for name, body in resources.items() if body["Type"] == "AWS::CloudWatch::Alarm"}


NAMES = sorted(alarms())


SECTIONS = dict(re.findall(r"^### (\w+)\n\n(.+?)(?=^##|\Z)", OPERATIONS.partition("\n## Alarms\n")[2], re.M | re.S))
COMMANDS = set(typer.main.get_group(app).commands)


def test_the_runbook_has_a_section_for_each_alarm_and_no_other():
    assert sorted(SECTIONS) == sorted([*NAMES, "Budget"])


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_of_the_runbook_names_what_to_do(name):
    # a command to type, or something of the stack to look at, change or invoke
    assert quoted(SECTIONS[name].partition("**Mitigation.**")[2])


@pytest.mark.parametrize("name", SECTIONS)
def test_what_a_section_names_is_there(name):
    for words in quoted(SECTIONS[name]):
        if words.startswith("pomona "):
            assert words.split()[1] in COMMANDS, words
        elif re.fullmatch(r"([A-Z][a-z]+){2,}", words):
            assert re.search(rf"\b{words}\b", TEMPLATE), f"{words} is neither a parameter, an output nor a metric"


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_says_where_the_runbook_is(name):
    assert "(docs/operations.md, Alarms)" in alarms()[name]["AlarmDescription"]


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


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> dict[str, AlarmRule]:
    """Each alarm of the template as CloudWatch would evaluate it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        cloudwatch = boto3.client("cloudwatch", REGION)
        for name, properties in alarms().items():
            asked = {
                key: value for key, value in properties.items() if key not in ("Type", "AlarmActions", "OKActions")
            }
            cloudwatch.put_metric_alarm(AlarmName=name, **{**asked, "Threshold": float(asked["Threshold"])})
        return {name: rule_of(alarm) for name, alarm in cloudwatch_backends[ACCOUNT][REGION].alarms.items()}


def test_every_alarm_can_be_evaluated(rules):
    assert sorted(rules) == NAMES


def state(rule: AlarmRule, current: str, *measured: tuple[timedelta, float]) -> str:
    """The state at noon, of values that the alarm's metric had some time before."""
    record = MetricRecord()
    (metric,) = (query.metric for query in rule.queries.values() if isinstance(query, Statistic))
    for before, value in measured:
        record.add(metric, MetricSample(NOON - before, 1, value, value, value, "None"))
    return evaluate(rule, record, NOON, current).state


def test_a_failed_maintenance_is_told_until_a_run_manages_it(rules):
    rule, minute = rules["MaintenanceAlarm"], timedelta(minutes=1)
    assert state(rule, "OK", (minute, 1)) == "ALARM"
    # no run, no measurement: silence neither ends the alarm nor raises it
    assert state(rule, "ALARM") == "ALARM"
    assert state(rule, "OK") == "OK"
    # of several runs in a period one is enough
    assert state(rule, "ALARM", (minute, 1), (2 * minute, 0), (3 * minute, 1)) == "OK"


@pytest.mark.parametrize(("silent_minutes", "expected"), [(5, "OK"), (359, "OK"), (361, "ALARM"), (1000, "ALARM")])
def test_six_hours_without_a_look_are_told_then_and_not_after_three_times_as_long(rules, silent_minutes, expected):
    looks = [(timedelta(minutes=silent_minutes + 5 * number), 1.0) for number in range(300)]
    assert state(rules["NobodyLooksAlarm"], "OK", *looks) == expected


@pytest.mark.parametrize("access", ["none", "iam", "public"])
def test_the_dashboard_is_json_and_shows_every_alarm(access):
    resources = resolved(IdentifyAccess=access)
    body = json.loads(resources["Dashboard"]["DashboardBody"])
    shown = body["widgets"][0]["properties"]["alarms"]
    there = sorted(name for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm")
    assert sorted(arn.rpartition(":")[2] for arn in shown) == there
    assert (there == NAMES) is (access == "public")
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
