"""CloudWatch."""

from collections.abc import Callable
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend as MotoCloudWatchBackend
from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse

from embedded_aws.moto_internals.substitution import substitute_backend

__all__ = ["CloudWatchResponse", "MotoCloudWatchBackend", "ValidationError", "cloudwatch_backends", "install"]


def install(backend: type, describe_alarms: Callable[[Any], Any], describe_alarm_history: Callable[[Any], Any]) -> None:
    """Replace the backend, whose alarms never change by themselves, and two answers about alarms."""
    substitute_backend(cloudwatch_backends, backend)
    CloudWatchResponse.describe_alarms = describe_alarms
    CloudWatchResponse.describe_alarm_history = describe_alarm_history
