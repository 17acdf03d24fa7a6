"""Metrics and bills of ended runs. They never hold up the queue.

No method raises: what cannot be read or written now is missing from the metrics, not from the table.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from pomona_contract.documents.run_record import RunRecord
from pomona_contract.outcomes import Outcome
from pomona_contract.run_names import RunName
from pomona_contract.times import now
from pomona_intake.runs.bills import Bills
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from pomona_intake.telemetry import Measure, best_effort

_METRIC_OF_OUTCOME = {
    Outcome.DONE: "ImagesDone",
    Outcome.UNCHANGED: "ImagesUnchanged",
    Outcome.DELETED: "ImagesDeleted",
    Outcome.ERRORS: "ImagesErrors",
}
_KEPT = 100
"""Closed runs whose bills could not be written: their number is bounded, however long S3 refuses."""
_SEARCHED = timedelta(days=3)  # runs that were created earlier are not searched for a missing bill


class RunMetrics:
    """Collects the runs that the queue has closed, and records them after the queue's own work is done."""

    def __init__(
        self,
        lake: Lake,
        bills: Bills,
        emr: EmrClient,
        application_id: str,
        measure: Measure,
        logger: Logger,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._lake = lake
        self._bills = bills
        self._emr = emr
        self._application_id = application_id
        self._measure = measure
        self._logger = logger
        self._clock = clock
        self._closed: deque[tuple[RunName, RunState]] = deque(maxlen=_KEPT)
        self._complete: set[RunName] = set()  # runs whose bills have their hours
        self._next_page: tuple[datetime, str] | None = None

    def add_closed(self, name: RunName, run: RunState) -> None:
        """Remember the run of an attempt that this caller, and no other, has closed."""
        self._closed.append((name, run))

    def record_closed(self) -> None:
        """Write metrics and bills of the closed runs; a bill that cannot be written now is tried at the next call."""
        while self._closed:
            name, run = self._closed[0]
            with best_effort(self._logger, f"recording {name}"):
                self._record(name, run)
                self._closed.popleft()
                continue
            return  # S3 does not answer: waiting for it again for each of the others would hold up the function

    def record_from_event(self, event: Mapping[str, Any]) -> None:
        """Record the refit that an event names; for the schedule's event, record every ended run that has no bill.

        The queue does not know refits, and EMR Serverless delivers events on a best effort only.
        """
        detail = event.get("detail") or {}
        if event.get("source") == "aws.events":
            with best_effort(self._logger, "looking for runs without a bill"):
                self._record_missing()
        elif event.get("source") == "aws.emr-serverless" and {"applicationId", "jobRunId"} <= set(detail):
            with best_effort(self._logger, "recording a refit"):
                self._record_refit(detail["applicationId"], detail["jobRunId"])

    def _record(self, name: RunName, run: RunState) -> None:
        if not self._bills.create(name, run):
            return  # the caller that wrote the bill has counted the run
        self._measure_bill(run)
        if name.is_refit:
            return
        if run.phase is Phase.FAILED:
            self._measure("RunsFailed", MetricUnit.Count, 1)
        if (stored := self._lake.read(name.record_key)) is not None:
            self._measure_record(RunRecord.from_json(name.record_key, stored.body))

    def _measure_bill(self, run: RunState) -> None:
        if run.billed is not None:
            self._measure("VcpuHours", MetricUnit.NoUnit, run.billed.vcpu_hours)
        if run.seconds is not None:
            self._measure("RunSeconds", MetricUnit.Seconds, run.seconds)

    def _measure_record(self, record: RunRecord) -> None:
        for outcome, metric in _METRIC_OF_OUTCOME.items():
            self._measure(metric, MetricUnit.Count, record.images[outcome])
        if record.deferred:
            self._measure("KeysDeferred", MetricUnit.Count, record.deferred)
        if record.set_aside:
            self._measure("BatchesFailed", MetricUnit.Count, len(record.set_aside))
        maintenance = record.maintenance
        # A 0 is measured only if something was done: the alarm ends when maintenance works, not when it has no work
        if maintenance.error or maintenance.done:
            self._measure("MaintenanceErrors", MetricUnit.Count, 1 if maintenance.error else 0)

    def _record_refit(self, application_id: str, run_id: str) -> None:
        run = self._emr.state(application_id, run_id)
        name = RunName.parse(run.name)
        if run.phase is not Phase.RUNNING and name and name.is_refit:
            self._record(name, run)

    def _record_missing(self) -> None:
        """Check one page of the runs that ended lately; the next call continues with the next page."""
        since, token = self._next_page or (self._clock() - _SEARCHED, None)
        self._next_page = None  # if this page cannot be read, the search begins again
        page = self._emr.ended(self._application_id, since, token)
        if page.next_token:
            self._next_page = (since, page.next_token)
        for text, run_id in page.ids.items():
            name = RunName.parse(text)
            if name and name not in self._complete:
                with best_effort(self._logger, f"recording {name}"):
                    self._record_if_missing(name, run_id)

    def _record_if_missing(self, name: RunName, run_id: str) -> None:
        stored = self._bills.read(name)
        if stored and stored.bill.billed is not None:
            self._complete.add(name)
            return
        run = self._emr.state(self._application_id, run_id)
        if stored is None:
            self._record(name, run)
        elif run.billed and self._bills.complete(name, run, stored):
            self._measure("VcpuHours", MetricUnit.NoUnit, run.billed.vcpu_hours)
