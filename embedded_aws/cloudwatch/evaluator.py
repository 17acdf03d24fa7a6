"""Measure the queues every minute, and evaluate every alarm every few seconds and on request."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.cloudwatch.metrics import floor_minute
from embedded_aws.moto_internals.cloudwatch import cloudwatch_backends
from embedded_aws.moto_internals.sqs import sqs_backends

EVERY_SECONDS = 10.0
_KEPT = timedelta(days=15)  # CloudWatch's retention of one-minute data points
_log = logging.getLogger(__name__)


class AlarmEvaluator:
    """Evaluates the alarms of every region."""

    def __init__(self, clock: Clock, wait_for_logs: Callable[[], None]) -> None:
        """`wait_for_logs` returns when every line that functions have written is a log event and a metric."""
        self._clock = clock
        self._wait_for_logs = wait_for_logs
        self._measured: datetime | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start to evaluate, in the background."""
        threading.Thread(target=self._tick_for_ever, name="alarms", daemon=True).start()

    def _tick_for_ever(self) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            try:
                self.evaluate()
            except Exception:
                _log.exception("the alarms could not be evaluated")

    def evaluate(self, at: datetime | None = None) -> tuple[datetime, dict[str, str]]:
        """Evaluate the alarms, after setting the clock forward to `at` if it is given.

        Returns:
            The moment of the evaluation and each alarm's state.

        Raises:
            ValueError: the clock is past `at`.
        """
        self._wait_for_logs()
        with self._lock:
            if at is not None:
                self._clock.put_forward(at)
            now = self._clock.now()
            self._measure_queues(now)
            states = [backend.evaluate(now) for backend in list(cloudwatch_backends[ACCOUNT_ID].values())]
            return now, {name: state for one in states for name, state in one.items()}

    def _measure_queues(self, now: datetime) -> None:
        """Measure the queues at the end of each minute, for that minute."""
        minute = floor_minute(now)
        if minute == self._measured:
            return
        self._measured = minute
        for backend in list(sqs_backends[ACCOUNT_ID].values()):
            cloudwatch = cloudwatch_backends[ACCOUNT_ID][backend.region_name]
            if minute.minute == 0:
                cloudwatch.forget(now - _KEPT)
            for queue in list(backend.queues.values()):
                cloudwatch.put_metric_data("AWS/SQS", list(_queue_metrics(queue, now, minute)))


def _queue_metrics(queue: Any, now: datetime, minute: datetime) -> Iterator[dict[str, Any]]:
    """Yield a queue's metrics (Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS")."""
    oldest = queue.oldest_sent_at()
    measured = (
        ("ApproximateNumberOfMessagesVisible", "Count", float(queue.approximate_number_of_messages)),
        ("ApproximateAgeOfOldestMessage", "Seconds", (now - oldest).total_seconds() if oldest else 0.0),
    )
    for name, unit, value in measured:
        yield {
            "MetricName": name,
            "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
            "Value": value,
            "Unit": unit,
            "Timestamp": minute - timedelta(seconds=1),
        }


def record_invocation(function: Any, failed: bool) -> None:
    """Record an invocation (Lambda Developer Guide, "Types of metrics")."""
    _record(function, {"Invocations": 1.0, "Errors": float(failed), "Throttles": 0.0})


def record_throttle(function: Any) -> None:
    """Record a request that was throttled: it counts neither as an invocation nor as an error."""
    _record(function, {"Throttles": 1.0})


def _record(function: Any, values: dict[str, float]) -> None:
    dimensions = [{"Name": "FunctionName", "Value": function.function_name}]
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "Count"}
        for name, value in values.items()
    ]
    cloudwatch_backends[ACCOUNT_ID][function.region].put_metric_data("AWS/Lambda", data)
