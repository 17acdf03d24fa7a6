"""Fire the rules and schedules that are due, and any of them on request."""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.events.cron import Cron
from embedded_aws.events.eventbridge import fire_rule, invoke_later
from embedded_aws.iam.enforcement import Gate
from embedded_aws.iam.policies import Call
from embedded_aws.moto_internals.events import events_backends, scheduler_backends

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Trigger:
    """A rule or a schedule."""

    name: str
    expression: str
    enabled: bool
    fire: Callable[[datetime], None]


class Schedules:
    """Checks every second which deployed rules and schedules are due."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._last: dict[tuple[str, str], datetime] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start to check, in the background."""
        threading.Thread(target=self._tick_for_ever, name="schedules", daemon=True).start()

    def _tick_for_ever(self) -> None:
        while not self._stopped.wait(1.0):
            try:
                self.tick(datetime.now(UTC))
            except Exception:
                _log.exception("a schedule could not be fired")

    def tick(self, now: datetime) -> None:
        """Fire what is due. The period of a new trigger begins when it is first seen."""
        for trigger in _triggers(self._gate):
            identity = (trigger.name, trigger.expression)
            last = self._last.setdefault(identity, now)
            due = due_between(trigger.expression, last, now)
            if due is not None:
                self._last[identity] = due if trigger.expression.startswith("rate") else now
                if trigger.enabled:
                    trigger.fire(due)

    def fire(self, name: str) -> list[str]:
        """Fire every trigger with this name, or with `-NAME` in its name; return their names."""
        chosen = [one for one in _triggers(self._gate) if one.name == name or f"-{name}" in one.name]
        for trigger in chosen:
            trigger.fire(datetime.now(UTC))
        return [trigger.name for trigger in chosen]


def due_between(expression: str, after: datetime, until: datetime) -> datetime | None:
    """Return when a rate(…), cron(…) or at(…) expression fires in (after, until]; None if it does not."""
    if rate := _RATE.fullmatch(expression):
        due = after + timedelta(**{f"{rate[2]}s": int(rate[1])})
        return due if due <= until else None
    kind, _, rest = expression.partition("(")
    if kind == "cron":
        return Cron.parse(rest.removesuffix(")")).fires_between(after, until)
    if kind == "at":
        moment = datetime.fromisoformat(rest.removesuffix(")")).replace(tzinfo=UTC)
        return moment if after < moment <= until else None
    raise ValueError(f"{expression} is not a schedule expression")


def _triggers(gate: Gate) -> list[_Trigger]:
    return [*_rules(), *_schedules(gate)]


def _rules() -> Iterator[_Trigger]:
    for backend in list(events_backends[ACCOUNT_ID].values()):
        for rule in list(backend.describe_event_bus("default").rules.values()):
            if rule.scheduled_expression:
                yield _Trigger(rule.name, rule.scheduled_expression, rule.state == "ENABLED", _rule_fire(rule))


def _rule_fire(rule: Any) -> Callable[[datetime], None]:
    return lambda _due: fire_rule(rule)


def _schedules(gate: Gate) -> Iterator[_Trigger]:
    for backend in list(scheduler_backends[ACCOUNT_ID].values()):
        for group in list(backend.schedule_groups.values()):
            for one in list(group.schedules.values()):
                yield _Trigger(one.name, one.schedule_expression, one.state == "ENABLED", _schedule_fire(one, gate))


def _schedule_fire(schedule: Any, gate: Gate) -> Callable[[datetime], None]:
    def fire(due: datetime) -> None:
        if refused := gate.check(schedule.target["RoleArn"], [Call("lambda:InvokeFunction", schedule.target["Arn"])]):
            _log.error("schedule %s: %s", schedule.name, refused)
            return
        scheduled = due.strftime("%Y-%m-%dT%H:%M:%SZ")
        text = (schedule.target.get("Input") or "{}").replace("<aws.scheduler.scheduled-time>", scheduled)
        text = text.replace("<aws.scheduler.schedule-arn>", schedule.arn)
        invoke_later(schedule.target["Arn"], json.loads(text))

    return fire
