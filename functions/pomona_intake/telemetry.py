"""Logs, metrics and traces, the same for every function. Tracing is off unless the environment switches it on."""

import os
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.functions import resolve_truthy_env_var_choice

from pomona_intake.queue.steps import Step

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Pomona"))


def _trace() -> Callable[[Any], Any]:
    if resolve_truthy_env_var_choice(os.environ.get("POWERTOOLS_TRACE_DISABLED", "true")):
        return lambda handler: handler
    from aws_lambda_powertools import Tracer  # its import lengthens a cold start: only for those who want it

    return Tracer().capture_lambda_handler


traced = _trace()
"""Decorates a handler; a trace of it goes to X-Ray if tracing is on."""

_METRICS = {"started": "Runs", "failed": "BatchesFailed"}


def report(step: Step) -> None:
    """Log a step of the queue, with its batch in this and all later lines, and count runs and failed batches."""
    if step.batch_id:
        logger.append_keys(batch_id=step.batch_id, attempt=step.attempt)
    logger.info(step.done, extra={"details": step.details})
    if name := _METRICS.get(step.done):
        count(name, 1)


def count(name: str, value: int) -> None:
    """Add to a metric of this invocation."""
    measure(name, MetricUnit.Count, value)


def measure(name: str, unit: MetricUnit, value: float) -> None:
    """Add a value to a metric of this invocation. The dimension `service` is the stack's name."""
    metrics.add_metric(name, unit, value)
