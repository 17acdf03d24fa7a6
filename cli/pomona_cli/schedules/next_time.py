"""When a schedule expression is due next: `rate(…)`, `cron(…)` or `at(…)`."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pomona_cli.schedules.cron import Cron

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CALL = re.compile(r"(cron|at)\((.*)\)")


def next_time(expression: str, now: datetime, began_at: datetime, zone: str = "UTC") -> datetime | None:
    """Return when the schedule is due next, in UTC; None if it never is again.

    Args:
        expression: the schedule's expression.
        now: the present time.
        began_at: when the first interval of a rate began: AWS counts from there.
        zone: the time zone of `cron` and `at`.

    Raises:
        ValueError: the expression cannot be read.
    """
    if rate := _RATE.fullmatch(expression):
        interval = timedelta(**{f"{rate[2]}s": int(rate[1])})
        passed = max((now - began_at) // interval, -1)
        return (began_at + (passed + 1) * interval).astimezone(UTC)
    call = _CALL.fullmatch(expression)
    if call is None:
        raise ValueError(f"{expression} is no schedule expression")
    due = _cron_time(call[2], now, zone) if call[1] == "cron" else _only_time(call[2], now, zone)
    return due.astimezone(UTC) if due else None


def _cron_time(fields: str, now: datetime, zone: str) -> datetime | None:
    return Cron.parse(fields).next_after(now.astimezone(ZoneInfo(zone)))


def _only_time(text: str, now: datetime, zone: str) -> datetime | None:
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return at if at > now else None
