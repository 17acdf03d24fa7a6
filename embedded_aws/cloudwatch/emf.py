"""Metrics from log lines in the embedded metric format.

Source: CloudWatch User Guide, "Specification: Embedded metric format".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Measured:
    """The data of one namespace in a line, as PutMetricData takes them, and when they were measured."""

    namespace: str
    at: datetime
    data: list[dict[str, Any]]


def measured(line: str) -> list[Measured]:
    """Return what a line of a log measures; nothing for a line in any other format."""
    try:
        document = json.loads(line)
        return list(_directives(document)) if isinstance(document, dict) and "_aws" in document else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # CloudWatch keeps such a line as a log event like any other


def _directives(document: dict[str, Any]) -> Iterator[Measured]:
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        data = [
            _datum(document, metric, names)
            for names in directive["Dimensions"]
            for metric in directive["Metrics"]
            if metric["Name"] in document
        ]
        yield Measured(directive["Namespace"], at, data)


def _datum(document: dict[str, Any], metric: dict[str, Any], names: list[str]) -> dict[str, Any]:
    value = document[metric["Name"]]
    return {
        "MetricName": metric["Name"],
        "Dimensions": [{"Name": name, "Value": str(document[name])} for name in names],
        "Values": [float(one) for one in (value if isinstance(value, list) else [value])],
        "Unit": metric.get("Unit", "None"),
    }
