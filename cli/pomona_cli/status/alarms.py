"""The stack's alarms that are on: since when, why, and the section of the runbook."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pomona_cli.stack.stack import Stack
from pomona_contract.times import iso

_RUNBOOK = "docs/operations.md"


@dataclass(frozen=True)
class ActiveAlarm:
    """An alarm in the state ALARM, with its name in the template."""

    name: str
    since: datetime
    reason: str

    @property
    def runbook(self) -> str:
        """The section of the documentation that says what to do."""
        return f"{_RUNBOOK}#{self.name.lower()}"

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        return {**asdict(self), "since": iso(self.since), "runbook": self.runbook}


def active_alarms(stack: Stack) -> list[ActiveAlarm] | None:
    """Return the alarms that are on, the oldest first; None without the permission to see them."""
    prefix = f"{stack.location.stack}-"
    try:
        pages = stack.client("cloudwatch").get_paginator("describe_alarms")
        found = pages.paginate(AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm"])
        alarms = [one for page in found for one in page["MetricAlarms"]]
    except (ClientError, BotoCoreError):
        return None
    active = (
        ActiveAlarm(name, one["StateUpdatedTimestamp"], one["StateReason"])
        for one in alarms
        if (name := _logical_id(one["AlarmName"].removeprefix(prefix)))
    )
    return sorted(active, key=lambda alarm: (alarm.since, alarm.name))


def _logical_id(rest: str) -> str | None:
    """Return the alarm's name in the template from LOGICALID-SUFFIX; None if it is of a stack with a longer name."""
    match = re.fullmatch(r"([A-Za-z0-9]+)-[A-Za-z0-9]+", rest)
    return match[1] if match else None
