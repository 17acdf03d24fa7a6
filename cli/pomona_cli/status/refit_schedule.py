"""When the schedule of the refit is due next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pomona_cli.schedules.next_time import next_time
from pomona_cli.stack.stack import Stack
from pomona_contract.times import iso, now


@dataclass(frozen=True)
class RefitSchedule:
    """The schedule that invokes `refit`."""

    expression: str
    is_enabled: bool
    next_at: datetime | None  # None: never, or the expression is not understood

    @property
    def is_rate(self) -> bool:
        """Return True if AWS counts from a moment that it does not show exactly."""
        return self.expression.startswith("rate")

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        next_at = iso(self.next_at) if self.next_at and self.is_enabled else None
        return {"expression": self.expression, "is_enabled": self.is_enabled, "next_at": next_at}


def read_refit_schedule(stack: Stack) -> RefitSchedule | None:
    """Return the schedule; None without the permission to see it, or if somebody has deleted it."""
    try:
        found = stack.client("scheduler").get_schedule(Name=f"{stack.location.stack}-refit")
    except (ClientError, BotoCoreError):
        return None
    return RefitSchedule(found["ScheduleExpression"], found.get("State", "ENABLED") == "ENABLED", _next_at(found))


def _next_at(found: dict[str, Any]) -> datetime | None:
    began_at = found.get("StartDate") or found.get("LastModificationDate") or found.get("CreationDate") or now()
    zone = found.get("ScheduleExpressionTimezone") or "UTC"
    try:
        return next_time(found["ScheduleExpression"], now(), began_at, zone)
    except (ValueError, KeyError):  # a time zone that this machine does not know is a KeyError
        return None
