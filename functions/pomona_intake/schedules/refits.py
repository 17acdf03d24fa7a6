"""Start a refit if rows or settings have changed since the last one and no refit is unfinished."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.lake_layout import LATEST_RESULTS, NOTHING_TO_FIT
from pomona_contract.run_names import REFIT_PREFIX, refit_name
from pomona_contract.times import stamp
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.parameters import refit_parameters
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.last_refit import has_settings, is_of_table
from pomona_intake.schedules.table_history import changed_since, current_snapshot, row_count, unfitted_since
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import Settings

REFIT_LOOKBACK = timedelta(days=3)
"""How far back earlier refits are listed.

Longer than a refit may be queued (2 hours) and run (a day, RefitTimeoutMinutes) and its schedule be late (a day).
"""
_LEAST_ROWS = 2  # a single image has no variance


@dataclass(frozen=True)
class Decision:
    """The run that was started at a scheduled time, None if none was, and the reason."""

    run_id: str | None
    reason: str
    unfinished_run_id: str | None = None
    """The run of an earlier time, because of which none was started."""


class Refits:
    """The refits of one table. Every method raises TransientError when AWS could not answer."""

    def __init__(
        self,
        table: TableMetadata,
        lake: Lake,
        emr: EmrClient,
        settings: Settings,
        report_unfitted: Callable[[datetime | None], None] = lambda _since: None,
    ) -> None:
        """Set the parts; `report_unfitted` is called at each scheduled time.

        Its argument is the time since when the table has changes that are in no results, None if there are none.
        """
        self._table = table
        self._lake = lake
        self._emr = emr
        self._settings = settings
        self._report_unfitted = report_unfitted

    def start_if_due(self, scheduled_at: datetime) -> Decision:
        """Start the refit that is due at this scheduled time, if one is."""
        metadata = self._table.read()
        latest, snapshot_id, rows = self._latest_results(metadata), current_snapshot(metadata), row_count(metadata)
        if snapshot_id is None or rows < _LEAST_ROWS:
            self._report_unfitted(None)
            return Decision(None, "the table has 1 image, and a PCA needs 2" if rows else "the table has no rows")
        since = latest.snapshot_id if latest else None
        has_changed = changed_since(metadata, since)
        if latest and not has_changed and has_settings(latest, self._settings):
            self._report_unfitted(None)
            return Decision(None, "neither rows nor settings have changed since the last refit")
        nothing = self._nothing_to_fit(metadata)
        is_overdue = has_changed and (nothing is None or nothing.stale > 0)
        self._report_unfitted(unfitted_since(metadata, since) if is_overdue else None)
        if nothing:
            return Decision(None, f"nothing has changed since the last refit found that {nothing.reason}")
        return self._start_unless_running(snapshot_id, scheduled_at)

    def _start_unless_running(self, snapshot_id: int, scheduled_at: datetime) -> Decision:
        since = scheduled_at - REFIT_LOOKBACK
        earlier = self._emr.named(self._settings.application_id, REFIT_PREFIX, since)
        # Lambda may repeat an invocation. The run of the first one has the same scheduled time in its name.
        if repeated := next((run for run in earlier if run.name.endswith(f"-{stamp(scheduled_at)}")), None):
            return Decision(repeated.run_id, "started by an earlier invocation for this time")
        if unfinished := next((run for run in earlier if run.phase is Phase.RUNNING), None):
            return Decision(None, f"{unfinished.name} is unfinished: {unfinished.state}", unfinished.run_id)
        parameters = refit_parameters(self._settings, refit_name(snapshot_id, scheduled_at))
        return Decision(self._emr.start(parameters, _token(earlier, scheduled_at)), "started")

    def _latest_results(self, metadata: dict[str, Any]) -> LatestResults | None:
        """Return the latest results, None if there are none of this very table."""
        stored = self._lake.read(LATEST_RESULTS)
        latest = LatestResults.from_json(stored.body) if stored else None
        return latest if latest and is_of_table(latest, metadata) else None

    def _nothing_to_fit(self, metadata: dict[str, Any]) -> NothingToFit | None:
        """Return why the last refit could fit none of the present rows with the present settings, else None."""
        stored = self._lake.read(NOTHING_TO_FIT)
        nothing = NothingToFit.from_json(stored.body) if stored else None
        if nothing is None or not (is_of_table(nothing, metadata) and has_settings(nothing, self._settings)):
            return None
        return None if changed_since(metadata, nothing.snapshot_id) else nothing


def _token(earlier: Sequence[RunState], scheduled_at: datetime) -> str:
    """Return the client token of the refit that follows these; `earlier` is sorted, newest first.

    Invocations that race have seen the same newest refit and use the same token, so EMR Serverless starts one run. A
    token is never used again, because the next refit follows another one. Without an earlier refit the token is of the
    day, which is shorter than the listed time.
    """
    follows = earlier[0].run_id if earlier else f"{scheduled_at.astimezone(UTC):%Y%m%d}"
    return f"refit.after.{hashlib.sha256(follows.encode()).hexdigest()[:32]}"
