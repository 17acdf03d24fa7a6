"""CloudWatch's API in the embedded AWS: what can be put and asked for, what is refused, and what a restart keeps."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_server import ROLE, LocalServer, function, until

ALARM = {
    "Namespace": "N",
    "MetricName": "M",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 2,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
ALARM_NAME = "watched"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


def evaluate(aws: LocalServer, minutes: float = 0) -> dict[str, str]:
    """Every alarm's state, after some minutes of CloudWatch's."""

    def post(query: str = "") -> dict[str, Any]:
        request = urllib.request.Request(f"{aws.endpoint}/_local/alarms/evaluate{query}", method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    if not minutes:
        return post()["alarms"]
    at = datetime.fromisoformat(post()["at"]) + timedelta(minutes=minutes)
    return post(f"?at={urllib.parse.quote(at.isoformat())}")["alarms"]


def make_alarm(aws: LocalServer, name: str = ALARM_NAME, **changed: Any) -> None:
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**ALARM, **changed})


def put(aws: LocalServer, **datum: Any) -> None:
    aws.client("cloudwatch").put_metric_data(Namespace="N", MetricData=[{"MetricName": "M", **datum}])


def state(aws: LocalServer, name: str = ALARM_NAME) -> dict[str, Any]:
    (found,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


@pytest.fixture
def alarm(aws: LocalServer) -> Iterator[str]:
    evaluate(aws, minutes=60)  # what an earlier test has put lies too far back
    make_alarm(aws)
    yield ALARM_NAME
    aws.client("cloudwatch").delete_alarms(AlarmNames=[ALARM_NAME])


def test_a_new_alarm_has_insufficient_data_until_there_are_some(aws):
    make_alarm(aws, "new", MetricName="New", TreatMissingData="missing")
    assert state(aws, "new")["StateReason"] == "Unchecked: Initial alarm creation"
    assert evaluate(aws, minutes=1)["new"] == "INSUFFICIENT_DATA"
    put(aws, MetricName="New", Value=1)
    assert evaluate(aws, minutes=1)["new"] == "OK"


@pytest.mark.parametrize(
    "datum",
    [
        {"Value": 3},
        {"Values": [1, 0.5], "Counts": [2, 2]},
        {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}},
    ],
)
def test_metrics_that_are_put_count_however_they_are_put(aws, alarm, datum):
    put(aws, **datum)
    assert evaluate(aws, minutes=1)[alarm] == "ALARM"


def test_metrics_of_other_dimensions_are_other_metrics(aws, alarm):
    put(aws, Value=3, Dimensions=[{"Name": "a", "Value": "b"}])
    assert evaluate(aws, minutes=1)[alarm] == "OK"


def test_what_was_recorded_can_be_asked_for(aws):
    cloudwatch, now = aws.client("cloudwatch"), datetime.now(UTC)
    cloudwatch.put_metric_data(Namespace="Asked", MetricData=[{"MetricName": "M", "Value": 4, "Timestamp": now}])
    span = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}
    found = cloudwatch.get_metric_statistics(Namespace="Asked", MetricName="M", Period=60, Statistics=["Sum"], **span)
    assert [point["Sum"] for point in found["Datapoints"]] == [4]
    stat = {"Metric": {"Namespace": "Asked", "MetricName": "M"}, "Period": 60, "Stat": "Maximum"}
    data = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "m", "MetricStat": stat}], **span)
    assert data["MetricDataResults"][0]["Values"] == [4]


def test_an_alarm_that_is_changed_keeps_its_state(aws, alarm):
    # PutMetricAlarm, API reference: "its state is left unchanged, but the update overwrites the configuration"
    put(aws, Value=3)
    evaluate(aws, minutes=1)
    make_alarm(aws, Threshold=5)
    assert (state(aws)["StateValue"], state(aws)["Threshold"]) == ("ALARM", 5)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Statistic": "Median"}, "Statistic"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ComparisonOperator"),
        ({"Period": 10}, "high resolution"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"Period": 3600, "EvaluationPeriods": 200}, "longer than CloudWatch allows"),
        ({"TreatMissingData": "never"}, "TreatMissingData"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(aws, alarm, changed, reason):
    with pytest.raises(ClientError, match=reason):
        make_alarm(aws, **changed)
    assert state(aws)["Threshold"] == ALARM["Threshold"]


STAT = {"Stat": "Sum", "Period": 60, "Metric": {"Namespace": "N", "MetricName": "M"}}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("ANOMALY_DETECTION_BAND(m)", "ANOMALY_DETECTION_BAND"),
        ("m + other", "other, which is none of the alarm's metrics"),
        ("m +", "its end"),
        ("MAX(m)", "a single time series"),
        ("1 + 2", "does not give a single time series"),
        ("m + e", "refers to itself"),
    ],
)
def test_a_deployment_with_an_expression_that_is_not_understood_fails(aws, expression, reason):
    metrics = [{"Id": "m", "ReturnData": False, "MetricStat": STAT}, {"Id": "e", "Expression": expression}]
    rest = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    name = f"math-{abs(hash(expression))}"
    resources = {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": metrics, **rest}}}
    aws.deploy(name, resources)
    assert aws.status(name) == "ROLLBACK_COMPLETE"
    assert reason in aws.reasons(name)


def heard(aws: LocalServer, url: str) -> list[dict[str, Any]]:
    messages = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        aws.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def test_a_change_is_published_in_cloudwatchs_form(aws, alarm):
    # Given an alarm that tells a topic when it begins, and not when it ends
    topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
    url = aws.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    place = topic.replace("sns", "sqs").replace(":alarms", ":heard")
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=place)
    make_alarm(aws, AlarmActions=[topic], AlarmDescription="why")
    evaluate(aws)
    # When it is on, and off again
    put(aws, Value=3)
    evaluate(aws, minutes=1)
    evaluate(aws, minutes=10)
    # Then one message has been told
    (envelope,) = heard(aws, url)
    assert envelope["Subject"] == f'ALARM: "{alarm}" in Europe (Paris)'
    told = json.loads(envelope["Message"])
    assert (told["OldStateValue"], told["NewStateValue"], told["AWSAccountId"]) == ("OK", "ALARM", "123456789012")
    assert told["AlarmArn"].endswith(f":alarm:{alarm}")
    assert told["NewStateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [3.0 (")
    assert told["StateChangeTime"].endswith("+0000")
    trigger = {name: told["Trigger"][name] for name in ("MetricName", "Namespace", "Statistic", "Period", "Threshold")}
    assert trigger == {"MetricName": "M", "Namespace": "N", "Statistic": "SUM", "Period": 60, "Threshold": 2.0}
    # And SetAlarmState tells too, until the actions are disabled (user guide, "Common features of alarms")
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    assert [json.loads(one["Message"])["NewStateReason"] for one in heard(aws, url)] == ["test"]
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm])
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    assert heard(aws, url) == []


def test_alarms_are_found_by_all_filters_together(aws, alarm):
    make_alarm(aws, "watched-too", TreatMissingData="ignore")
    aws.client("cloudwatch").set_alarm_state(AlarmName="watched-too", StateValue="ALARM", StateReason="test")
    found = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="watched", StateValue="ALARM")["MetricAlarms"]
    assert [one["AlarmName"] for one in found] == ["watched-too"]
    aws.client("cloudwatch").delete_alarms(AlarmNames=["watched-too"])


def test_the_clock_does_not_go_back(aws):
    request = urllib.request.Request(f"{aws.endpoint}/_local/alarms/evaluate?at=2020-01-01T00:00:00Z", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_a_queue_is_measured_by_what_is_visible_and_how_old_the_oldest_message_is(aws):
    # Given two messages, one of which has waited ten minutes longer
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="measured")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    evaluate(aws, minutes=10)
    sqs.send_message(QueueUrl=url, MessageBody="new")
    evaluate(aws, minutes=2)
    assert of_queue(aws, "ApproximateNumberOfMessagesVisible") == 2
    assert 12 * 60 <= of_queue(aws, "ApproximateAgeOfOldestMessage") < 13 * 60
    # When they are gone
    sqs.purge_queue(QueueUrl=url)
    evaluate(aws, minutes=2)
    # Then both are measured as nothing
    assert of_queue(aws, "ApproximateNumberOfMessagesVisible") == 0
    assert of_queue(aws, "ApproximateAgeOfOldestMessage") == 0


def of_queue(aws: LocalServer, metric: str) -> float:
    """The newest value of a metric of that queue."""
    span = {"StartTime": datetime.now(UTC) - timedelta(hours=1), "EndTime": datetime.now(UTC) + timedelta(days=9)}
    of = {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "measured"}], "Period": 60, **span}
    found = aws.client("cloudwatch").get_metric_statistics(MetricName=metric, Statistics=["Maximum"], **of)
    return max(found["Datapoints"], key=lambda point: point["Timestamp"])["Maximum"]


def test_a_functions_invocations_and_errors_are_measured(aws):
    code = aws.upload("failing.zip", "def handler(event, context): return 1 / event")
    name = aws.deploy("failing", {"Role": ROLE, "F": function(code)}, {"F": {"Ref": "F"}})["F"]
    for payload in (b"1", b"0", b"0"):
        aws.client("lambda").invoke(FunctionName=name, Payload=payload)
    span = {"StartTime": datetime.now(UTC) - timedelta(hours=1), "EndTime": datetime.now(UTC) + timedelta(days=9)}
    of = {"Namespace": "AWS/Lambda", "Dimensions": [{"Name": "FunctionName", "Value": name}], "Period": 3600, **span}
    sums = {
        metric: sum(point["Sum"] for point in found["Datapoints"])
        for metric in ("Invocations", "Errors", "Throttles")
        for found in [aws.client("cloudwatch").get_metric_statistics(MetricName=metric, Statistics=["Sum"], **of)]
    }
    assert sums == {"Invocations": 3, "Errors": 2, "Throttles": 0}


def test_states_history_and_metrics_outlive_the_server(aws):
    # Given an alarm of a stack that is on
    properties = {**ALARM, "TreatMissingData": "ignore", "MetricName": "Kept"}
    resources = {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}
    name = aws.deploy("kept", resources, {"Alarm": {"Ref": "Alarm"}})["Alarm"]
    put(aws, MetricName="Kept", Value=3)
    evaluate(aws, minutes=1)
    before = state(aws, name)
    assert before["StateValue"] == "ALARM"
    # When the server is killed and started again
    aws.kill()
    aws.start()
    # Then it is on since then, for the same reason, and its metric is there
    after = until(lambda: state(aws, name), 10, "the stack is restored")
    for field in ("StateValue", "StateReason", "StateUpdatedTimestamp"):
        assert after[field] == before[field]
    history = aws.client("cloudwatch").describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    metrics = aws.client("cloudwatch").list_metrics(Namespace="N", MetricName="Kept")["Metrics"]
    assert len(metrics) == 1
