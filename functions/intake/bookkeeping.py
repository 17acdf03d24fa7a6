"""What ended runs did and what they cost: metrics, and `runs/<run>.billed.json`. Beside the queue, never in its way.

Nothing here raises: what cannot be read or written now is missing from the metrics, not from the table.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from intake.emr import Phase, Runs, RunState
from intake.errors import PreconditionFailedError
from intake.failed_batches import FAILED
from intake.lake import Lake
from intake.line import LineState
from intake.segments import PENDING, parse_name
from intake.steps import Step

FORMAT = 1
RUNS = "runs/"
_IMAGES = {"done": "ImagesDone", "unchanged": "ImagesUnchanged", "deleted": "ImagesDeleted", "errors": "ImagesErrors"}
Measure = Callable[[str, MetricUnit, float], None]


@dataclass(frozen=True)
class _Ended:
    batch_id: str
    attempt: int
    run: RunState

    @property
    def name(self) -> str:
        """Where the run's documents lie, without their endings."""
        return f"{RUNS}{self.batch_id}-{self.attempt}"


class Bookkeeping:
    """Listens to the steps of the queue, and writes up what has ended when the queue's own work is done."""

    def __init__(self, lake: Lake, runs: Runs, measure: Measure, logger: Logger) -> None:
        self._lake = lake
        self._runs = runs
        self._measure = measure
        self._logger = logger
        self._ended: _Ended | None = None
        self._closed: list[_Ended] = []

    def note(self, step: Step) -> None:
        """Remember a run that has ended, and that this caller, and not another, has closed its attempt."""
        if step.run is not None:
            self._ended = _Ended(step.batch_id, step.attempt, step.run)
        elif self._ended and step.done in ("settled", "attempted again", "failed"):
            self._closed.append(self._ended)
            self._ended = None

    def write_up(self) -> None:
        """Metrics and bills of the attempts that were closed since the last time."""
        self._ended = None
        while self._closed:
            ended = self._closed.pop()
            self._try(lambda ended=ended: self._write_up(ended), f"writing up {ended.name}")  # type: ignore[misc]

    def look_at(self, event: Mapping[str, Any]) -> None:
        """The same for a refit, of which the queue knows nothing, when an event says that a run has ended."""
        detail = event.get("detail") or {}
        if event.get("source") == "aws.emr-serverless" and {"applicationId", "jobRunId"} <= set(detail):
            self._try(lambda: self._look_at(detail["applicationId"], detail["jobRunId"]), "writing up a refit")

    def measure_queue(self, line: LineState, now: datetime) -> None:
        """What the alarms ask of the queue: what waits, what was set aside, and whether the line is paused.

        The last two are measured only while there is something to tell: CloudWatch bills a metric by the hour.
        """
        self._try(lambda: self._measure_pending(now), "measuring what waits")
        self._try(self._measure_failed, "counting the failed batches")
        self._try(lambda: self._measure_pause(line, now), "measuring whether the line is paused")

    def _measure_failed(self) -> None:
        if failed := sum(1 for _ in self._lake.children(FAILED)):
            self._measure("FailedBatches", MetricUnit.Count, failed)

    def _measure_pause(self, line: LineState, now: datetime) -> None:
        if line.read().is_paused(now):
            self._measure("LinePaused", MetricUnit.Count, 1)

    def _measure_pending(self, now: datetime) -> None:
        # the names sort by time
        segments = (parse_name(name) for name in self._lake.names(PENDING))
        oldest = next((segment.written_at for segment in segments if segment), now)
        self._measure("OldestPendingSeconds", MetricUnit.Seconds, max(0.0, (now - oldest).total_seconds()))

    def _write_up(self, ended: _Ended) -> None:
        if not self._bill(ended.name, ended.batch_id, ended.attempt, ended.run):
            return
        if ended.run.phase is Phase.FAILED:
            self._measure("RunsFailed", MetricUnit.Count, 1)
        if (stored := self._lake.read(f"{ended.name}.json")) is not None:
            self._measure_record(json.loads(stored.body))

    def _measure_record(self, record: Mapping[str, Any]) -> None:
        for outcome, metric in _IMAGES.items():
            self._measure(metric, MetricUnit.Count, record["images"][outcome])
        if set_aside := record.get("set_aside"):
            self._measure("BatchesFailed", MetricUnit.Count, len(set_aside))
        maintenance = record["maintenance"]
        # none is measured too, if anything was done: the alarm ends when it works, not when a run had nothing to do
        if maintenance["error"] or maintenance["done"]:
            self._measure("MaintenanceErrors", MetricUnit.Count, 1 if maintenance["error"] else 0)

    def _look_at(self, application_id: str, run_id: str) -> None:
        run = self._runs.state(application_id, run_id)
        if run.phase is not Phase.RUNNING and run.name.startswith("refit-"):
            self._bill(f"{RUNS}{run.name}", run.name, 1, run)

    def _bill(self, name: str, batch_id: str, attempt: int, run: RunState) -> bool:
        """Count and keep what a run took; False if somebody has done so before."""
        if run.billed is not None:
            document = {"format": FORMAT, "batch_id": batch_id, "attempt": attempt, "run_id": run.run_id}
            document |= {"state": run.state, "seconds": run.seconds, **asdict(run.billed)}
            try:
                self._lake.create(f"{name}.billed.json", json.dumps(document, indent=1).encode())
            except PreconditionFailedError:
                return False
            self._measure("VcpuHours", MetricUnit.NoUnit, run.billed.vcpu_hours)
        if run.seconds is not None:
            self._measure("RunSeconds", MetricUnit.Seconds, run.seconds)
        return True

    def _try(self, work: Callable[[], None], doing: str) -> None:
        try:
            work()
        except Exception:
            # by design of everything here: a book that cannot be kept must not hold up a row
            self._logger.warning("the books are incomplete", extra={"details": doing}, exc_info=True)
