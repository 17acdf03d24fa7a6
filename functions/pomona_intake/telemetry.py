"""Logs, metrics and traces, the same for every function. Tracing is off unless the environment switches it on."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.functions import resolve_truthy_env_var_choice

Measure = Callable[[str, MetricUnit, float], None]
logger = Logger()
# the namespace is POWERTOOLS_METRICS_NAMESPACE, the dimension `service` is POWERTOOLS_SERVICE_NAME: the stack's name
metrics = Metrics()


def _trace() -> Callable[[Any], Any]:
    if resolve_truthy_env_var_choice(os.environ.get("POWERTOOLS_TRACE_DISABLED", "true")):
        return lambda handler: handler
    from aws_lambda_powertools import Tracer  # imported only if tracing is on: it lengthens a cold start

    return Tracer().capture_lambda_handler


traced = _trace()
"""Decorate a handler, so that its trace goes to X-Ray if tracing is on."""


def count(name: str, value: int) -> None:
    """Add to a metric of this invocation."""
    measure(name, MetricUnit.Count, value)


def measure(name: str, unit: MetricUnit, value: float) -> None:
    """Add a value to a metric of this invocation."""
    metrics.add_metric(name, unit, value)


@contextmanager
def best_effort(logger: Logger, doing: str) -> Iterator[None]:
    """Log an error of the block as a warning instead of raising it: a metric must not hold up a row."""
    try:
        yield
    except Exception:
        logger.warning("metrics or bills are incomplete", extra={"details": doing}, exc_info=True)
