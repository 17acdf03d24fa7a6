"""The message that an alarm publishes to an SNS topic when its state changes.

Source: CloudWatch User Guide, "Notifying users on alarm changes"; fields of received messages
(kenju/go-cloudwatch main.go, the AlarmMessage types of several receivers).
"""

import json
from datetime import datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader

from embedded_aws.clients import ACCOUNT_ID

_LONGEST_SUBJECT = 100


def subject(alarm: Any) -> str:
    """Return the subject of a message: ALARM: "name" in Europe (Paris)."""
    return f'{alarm.state_value}: "{alarm.name}" in {_region_name(alarm.region_name)}'[:_LONGEST_SUBJECT]


def message(alarm: Any, previous: str, at: datetime) -> str:
    """Return the JSON of a message about an alarm (moto's Alarm) that has just left the state `previous`."""
    body = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": timestamp(at),
        "Region": _region_name(alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": previous,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": _trigger(alarm),
    }
    return json.dumps(body)


def timestamp(moment: datetime) -> str:
    """Return a moment in CloudWatch's format: 2026-11-20T12:00:00.000+0000."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


@cache
def _region_name(region: str) -> str:
    """Return the display name of a region, which botocore has with its endpoints."""
    partitions = Loader().load_data("endpoints")["partitions"]
    regions = [pair for partition in partitions for pair in partition["regions"].items()]
    names = {name: body["description"] for name, body in regions}
    return str(names.get(region, region))


def _trigger(alarm: Any) -> dict[str, Any]:
    rule = {
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.metric_data_queries:
        return {**rule, "Metrics": [_query(query) for query in alarm.metric_data_queries]}
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "Statistic",
        "Statistic": alarm.statistic.upper(),
        "Unit": alarm.unit,
        "Dimensions": _dimensions(alarm.dimensions),
        "Period": alarm.period,
        **rule,
    }


def _query(query: Any) -> dict[str, Any]:
    described = {"Id": query.id, "Label": query.label, "ReturnData": query.return_data is not False}
    if query.expression:
        return {**described, "Expression": query.expression}
    stat = query.metric_stat
    metric = {"Namespace": stat.metric.namespace, "MetricName": stat.metric.metric_name}
    metric["Dimensions"] = _dimensions(stat.metric.dimensions)
    return {**described, "MetricStat": {"Metric": metric, "Period": int(stat.period), "Stat": stat.stat}}


def _dimensions(dimensions: Any) -> list[dict[str, str]]:
    return [{"name": one.name, "value": one.value} for one in dimensions]
