"""Starting a refit: when rows or settings have changed since the last one, and no refit is unfinished."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pomona_intake.runs.emr_client import Phase, Runs, RunState
from pomona_intake.runs.parameters import refit_parameters
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.last_refit import LATEST, Fitted
from pomona_intake.schedules.table_history import changed_since, current_snapshot, has_rows, unfitted_since
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import Settings
from pomona_intake.times import now, stamp

_PREFIX = "refit-"
LOOKS_BACK = timedelta(days=3)
"""Longer than a refit may be queued (2 hours), run (a day, RefitTimeoutMinutes), and its schedule be late (a day)."""


@dataclass(frozen=True)
class Decision:
    """The run that was started at a time of the schedule, if any, and why or why not."""

    run_id: str | None
    reason: str


class Refits:
    """Refits of one table. Every method raises TransientError when AWS could not answer."""

    def __init__(
        self,
        table: TableMetadata,
        lake: Lake,
        runs: Runs,
        settings: Settings,
        report: Callable[[datetime | None], None] = lambda _unfitted_since: None,
    ) -> None:
        """`report` hears, at each time of the schedule, since when the table has changes that are in no result."""
        self._table = table
        self._lake = lake
        self._runs = runs
        self._settings = settings
        self._report = report

    def start_if_due(self, scheduled_at: datetime) -> Decision:
        """Start the refit that is due at this time of the schedule, if one is."""
        metadata = self._table.read()
        fitted = self._fitted(metadata)
        since = fitted.snapshot_id if fitted else None
        has_changed = has_rows(metadata) and changed_since(metadata, since)
        self._report(unfitted_since(metadata, since) if has_changed else None)
        snapshot_id = current_snapshot(metadata)
        if snapshot_id is None or not has_rows(metadata):
            return Decision(None, "the table has no rows")
        if fitted and not has_changed and fitted.has_settings(self._settings):
            return Decision(None, "neither rows nor settings have changed since the last refit")
        return self._start_unless_running(snapshot_id, scheduled_at)

    def _start_unless_running(self, snapshot_id: int, scheduled_at: datetime) -> Decision:
        moment = stamp(scheduled_at)
        since = scheduled_at - LOOKS_BACK
        earlier = self._runs.named(self._settings.application_id, _PREFIX, since)
        # An invocation that Lambda repeats: its run is known by the time, whatever has become of it.
        if repeated := next((run for run in earlier if run.name.endswith(f"-{moment}")), None):
            return Decision(repeated.run_id, "started by an earlier invocation for this time")
        if unfinished := next((run for run in earlier if run.phase is Phase.RUNNING), None):
            return Decision(None, f"{unfinished.name} is unfinished: {unfinished.state}")
        parameters = refit_parameters(self._settings, f"{_PREFIX}{snapshot_id}-{moment}")
        return Decision(self._runs.start(parameters, _token(earlier, scheduled_at)), "started")

    def _fitted(self, metadata: dict[str, Any]) -> Fitted | None:
        """The last refit; None if there is none of this very table."""
        stored = self._lake.read(LATEST)
        fitted = Fitted.from_json(stored.body) if stored else None
        return fitted if fitted and fitted.is_of(metadata) else None


def _token(earlier: Sequence[RunState], scheduled_at: datetime) -> str:
    """Return the client token of the refit that follows these, the newest first.

    Invocations that race have seen the same newest refit and use the same token, so EMR Serverless starts one run. A
    token is never used again: the next refit follows another one. Without any, the day tells: `earlier` goes back
    further than that.
    """
    follows = earlier[0].run_id if earlier else f"{scheduled_at.astimezone(UTC):%Y%m%d}"
    return f"refit.after.{hashlib.sha256(follows.encode()).hexdigest()[:32]}"


def scheduled_time(event: dict[str, Any]) -> datetime:
    """When the schedule was due: the `time` that EventBridge Scheduler writes into its input, else now."""
    try:
        return datetime.fromisoformat(event["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return now()
