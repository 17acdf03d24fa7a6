"""EventBridge and EventBridge Scheduler."""

from moto.events import models
from moto.events.models import Rule, events_backends
from moto.scheduler.models import scheduler_backends

__all__ = ["Rule", "events_backends", "install", "scheduler_backends"]


def install(rule: type) -> None:
    """Replace the rules: moto's deliver to queues and log groups only."""
    models.Rule = rule
