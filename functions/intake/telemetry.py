"""Logs, metrics and traces, the same for every function. Tracing is off unless the environment switches it on."""

import os

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.functions import resolve_truthy_env_var_choice

from intake.queue import Step

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Pomona"))
tracer = Tracer(disabled=resolve_truthy_env_var_choice(os.environ.get("POWERTOOLS_TRACE_DISABLED", "true")))

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
    metrics.add_metric(name, MetricUnit.Count, value)
