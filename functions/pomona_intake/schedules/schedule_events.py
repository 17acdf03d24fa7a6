"""What EventBridge Scheduler passes to a scheduled function."""

from datetime import UTC, datetime
from typing import Any

from pomona_contract.times import now


def scheduled_time(event: dict[str, Any]) -> datetime:
    """Return when the schedule was due: the `time` that EventBridge Scheduler writes into its input, else now."""
    try:
        return datetime.fromisoformat(event["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return now()
