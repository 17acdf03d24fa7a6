"""What ended runs did and what they cost: metrics, and a bill for each run. Beside the queue, never in its way.

Nothing here raises: what cannot be read or written now is missing from the metrics, not from the table.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from pomona_intake.queue.failed_batches import FAILED
from pomona_intake.queue.failure_pause import LineState
from pomona_intake.queue.segments import PENDING, parse_name
from pomona_intake.queue.steps import Step
from pomona_intake.runs.bills import Attempt, Bills
from pomona_intake.runs.emr_client import Phase, Runs, RunState
from pomona_intake.s3.lake import Lake
from pomona_intake.times import now

_IMAGES = {"done": "ImagesDone", "unchanged": "ImagesUnchanged", "deleted": "ImagesDeleted", "errors": "ImagesErrors"}
_LOOKED_BACK = timedelta(days=3)  # runs that were created earlier are no longer looked for
Measure = Callable[[str, MetricUnit, float], None]


class Bookkeeping:
    """Listens to the steps of the queue, and writes up what has ended when the queue's own work is done."""

    def __init__(
        self,
        lake: Lake,
        bills: Bills,
        runs: Runs,
        application_id: str,
        measure: Measure,
        logger: Logger,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._lake = lake
        self._bills = bills
        self._runs = runs
        self._application_id = application_id
        self._measure = measure
        self._logger = logger
        self._clock = clock
        self._ended: tuple[Attempt, RunState] | None = None
        self._closed: list[tuple[Attempt, RunState]] = []
        self._billed: set[Attempt] = set()  # whose bills are known to be complete
        self._next_page: tuple[datetime, str] | None = None

    def note(self, step: Step) -> None:
        """Remember a run that has ended, and that this caller, and not another, has closed its attempt."""
        if step.run is not None:
            self._ended = (Attempt(step.batch_id, step.attempt), step.run)
        elif self._ended and step.done in ("settled", "attempted again", "failed"):
            self._closed.append(self._ended)
            self._ended = None

    def write_up(self) -> None:
        """Metrics and bills of the attempts that were closed since the last time."""
        self._ended = None
        while self._closed:
            attempt, run = self._closed.pop()
            self._try(partial(self._write_up, attempt, run), f"writing up {attempt.name}")

    def look_at(self, event: Mapping[str, Any]) -> None:
        """Write up a refit that an event says has ended; at the clock's event, every run that was not written up.

        The queue knows nothing of refits, and an event of EMR Serverless is delivered on a best effort.
        """
        detail = event.get("detail") or {}
        if event.get("source") == "aws.events":
            self._try(self._catch_up, "looking for runs that were not written up")
        elif event.get("source") == "aws.emr-serverless" and {"applicationId", "jobRunId"} <= set(detail):
            self._try(partial(self._look_at, detail["applicationId"], detail["jobRunId"]), "writing up a refit")

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

    def _write_up(self, attempt: Attempt, run: RunState) -> None:
        if not self._bills.create(attempt, run):
            return  # whoever wrote the bill has counted the run
        self._measure_bill(run)
        if attempt.is_refit:
            return
        if run.phase is Phase.FAILED:
            self._measure("RunsFailed", MetricUnit.Count, 1)
        if (stored := self._lake.read(f"{attempt.name}.json")) is not None:
            self._measure_record(json.loads(stored.body))

    def _measure_bill(self, run: RunState) -> None:
        if run.billed is not None:
            self._measure("VcpuHours", MetricUnit.NoUnit, run.billed.vcpu_hours)
        if run.seconds is not None:
            self._measure("RunSeconds", MetricUnit.Seconds, run.seconds)

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
        attempt = Attempt.of(run.name)
        if run.phase is not Phase.RUNNING and attempt and attempt.is_refit:
            self._write_up(attempt, run)

    def _catch_up(self) -> None:
        """Go through one page of the runs that ended lately; the next call goes on with the next page."""
        since, token = self._next_page or (self._clock() - _LOOKED_BACK, None)
        self._next_page = None  # a page that cannot be read must not end the search: it begins again
        page = self._runs.ended(self._application_id, since, token)
        if page.next_token:
            self._next_page = (since, page.next_token)
        for name, run_id in page.ids.items():
            attempt = Attempt.of(name)
            if attempt and attempt not in self._billed:
                self._try(partial(self._catch_up_with, attempt, run_id), f"writing up {name}")

    def _catch_up_with(self, attempt: Attempt, run_id: str) -> None:
        bill = self._bills.read(attempt)
        if bill and bill.hours_are_known:
            self._billed.add(attempt)
            return
        run = self._runs.state(self._application_id, run_id)
        if bill is None:
            self._write_up(attempt, run)
        elif run.billed and self._bills.complete(attempt, run, bill):
            self._measure("VcpuHours", MetricUnit.NoUnit, run.billed.vcpu_hours)

    def _try(self, work: Callable[[], None], doing: str) -> None:
        try:
            work()
        except Exception:
            # by design of everything here: a book that cannot be kept must not hold up a row
            self._logger.warning("the books are incomplete", extra={"details": doing}, exc_info=True)
