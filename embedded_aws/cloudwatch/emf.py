"""Metrics from log lines in the embedded metric format.

Source: CloudWatch User Guide, "Specification: Embedded metric format".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class EmbeddedMetrics:
    """The data of one namespace in a line, in the format of PutMetricData, with their time."""

    namespace: str
    at: datetime
    data: list[dict[str, Any]]


def metrics_in(line: str) -> list[EmbeddedMetrics]:
    """Return the metrics of a log line; none for a line in another format."""
    try:
        document = json.loads(line)
        return list(_directives(document)) if isinstance(document, dict) and "_aws" in document else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # for CloudWatch, such a line is only a log event


def _directives(document: dict[str, Any]) -> Iterator[EmbeddedMetrics]:
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        data = [
            _datum(document, metric, names)
            for names in directive["Dimensions"]
            for metric in directive["Metrics"]
            if metric["Name"] in document
        ]
        yield EmbeddedMetrics(directive["Namespace"], at, data)


def _datum(document: dict[str, Any], metric: dict[str, Any], names: list[str]) -> dict[str, Any]:
    value = document[metric["Name"]]
    return {
        "MetricName": metric["Name"],
        "Dimensions": [{"Name": name, "Value": str(document[name])} for name in names],
        "Values": [float(one) for one in (value if isinstance(value, list) else [value])],
        "Unit": metric.get("Unit", "None"),
    }
