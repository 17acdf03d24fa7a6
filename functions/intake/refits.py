"""Starting a refit: once for each time of the schedule, and only if the table has changed since the last one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from intake.emr import Runs
from intake.history import changed_since, current_snapshot, has_rows, unfitted_since
from intake.lake import Lake
from intake.runs import refit_parameters
from intake.settings import Settings
from intake.table_metadata import TableMetadata, require_format
from intake.times import now, stamp

LATEST = "results/latest.json"
_FORMAT = 1
_LONGEST_SCHEDULE_DELAY = timedelta(days=1)


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

    def start_if_changed(self, scheduled_at: datetime) -> str | None:
        """The id of the run that refits the table for this time of the schedule, None if there is nothing to refit."""
        metadata = self._table.read()
        snapshot_id, fitted = current_snapshot(metadata), self._fitted_snapshot()
        is_due = snapshot_id is not None and has_rows(metadata) and changed_since(metadata, fitted)
        self._report(unfitted_since(metadata, fitted) if is_due else None)
        if snapshot_id is None or not is_due:
            return None
        return self._start(snapshot_id, scheduled_at)

    def _start(self, snapshot_id: int, scheduled_at: datetime) -> str:
        parameters = refit_parameters(self._settings, f"refit-{snapshot_id}-{stamp(scheduled_at)}")
        since = scheduled_at - _LONGEST_SCHEDULE_DELAY
        found = self._runs.find(self._settings.application_id, parameters["name"], since)
        return found or self._runs.start(parameters, f"refit.{snapshot_id}.{stamp(scheduled_at)}")

    def _fitted_snapshot(self) -> int | None:
        stored = self._lake.read(LATEST)
        if stored is None:
            return None
        latest = json.loads(stored.body)
        require_format(LATEST, latest, "format", (_FORMAT,))
        return int(latest["snapshot_id"])


def scheduled_time(event: dict[str, Any]) -> datetime:
    """When the schedule was due: the `time` that EventBridge Scheduler writes into its input, else now."""
    try:
        return datetime.fromisoformat(event["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return now()
