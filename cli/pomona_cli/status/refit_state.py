"""The refit as `pomona status` shows it: the one in flight, the last one, its report, and why one has no results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pomona_cli.runs.cost_so_far import CostSoFar, cost_so_far
from pomona_cli.runs.history import RunHistory
from pomona_cli.runs.run import LastRefit, Run
from pomona_cli.stack.stack import Stack
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.lake_layout import NOTHING_TO_FIT, REPORT

_RUNNING = "RUNNING"


@dataclass(frozen=True)
class RefitInFlight:
    """A refit that has not ended."""

    run: Run
    cost: CostSoFar | None

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        return {"name": self.run.name, "state": self.run.state, "cost_so_far": vars(self.cost) if self.cost else None}


def read_nothing_to_fit(stack: Stack) -> NothingToFit | None:
    """Return why the last refit has no results; None if it has."""
    stored = stack.lake.read(NOTHING_TO_FIT)
    return NothingToFit.from_json(stored.body) if stored else None


def refit_in_flight(runs: Sequence[Run], region: str, at: datetime) -> RefitInFlight | None:
    """Return the refit among these runs that has not ended."""
    unended = (run for run in runs if not run.is_featurize and run.state not in RunHistory.ENDED)
    run = next((run for run in unended if run.run_id), None)
    if run is None:
        return None
    is_running = run.state == _RUNNING and run.started_at is not None
    cost = cost_so_far(region, run.started_at, at, workers=None) if is_running and run.started_at else None
    return RefitInFlight(run, cost)


def report_address(bucket: str, last: LastRefit | None) -> str | None:
    """Return where the newest report lies; None if there is none."""
    prefix = last.latest.get("prefix") if last else None
    return f"s3://{bucket}/{prefix}{REPORT}" if prefix else None
