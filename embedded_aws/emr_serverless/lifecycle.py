"""A job run from SUBMITTED to its final state: its turn in the queue, its workers, its process, its bill."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from embedded_aws.emr_serverless.job_runs import JobRunner, RunResult, set_billed_resources
from embedded_aws.emr_serverless.scheduler import Scheduler, concurrency, maximum_capacity
from embedded_aws.emr_serverless.workers import Demand, UnsupportedRunError, demand_of

_NO_ROOM = "ApplicationMaxCapacityExceededException: no workers can be had within the limits of application and account"
_CANCELLED = RunResult("CANCELLED", "Job cancelled")


@dataclass(frozen=True)
class RunLifecycle:
    """Executes the runs of one region's applications."""

    scheduler: Scheduler
    runner: JobRunner
    enter: Callable[[Any, str, str], None]
    """Puts a run into a state, with its stateDetails."""
    start_application: Callable[[Any], None]

    def execute(self, application: Any, job_run: Any) -> None:
        """Bring a run to a final state."""
        try:
            demand = demand_of(job_run.job_driver["sparkSubmit"].get("sparkSubmitParameters") or "")
            if self._has_turn(application, job_run) and self._has_workers(application, job_run, demand):
                self._run(application, job_run, demand)
        except UnsupportedRunError as error:
            self.enter(job_run, "FAILED", str(error))
        finally:
            self.scheduler.leave(job_run.id)

    def _has_turn(self, application: Any, job_run: Any) -> bool:
        """Return True when the run may go on, False if it ended in the queue."""
        most, seconds = concurrency(getattr(application, "scheduler_configuration", None))
        take = functools.partial(self.scheduler.take_turn, job_run.id, application.id, most)
        if take(0, lambda: False):
            return True
        self.enter(job_run, "QUEUED", "")
        if not take(seconds, lambda: job_run.state == "CANCELLING"):
            self._end_waiting(job_run, "The job run was queued for longer than queueTimeoutMinutes")
            return False
        return True

    def _has_workers(self, application: Any, job_run: Any, demand: Demand) -> bool:
        """Return True when driver and first executors fit; UnsupportedRunError if they never can."""
        limit = maximum_capacity(application.maximum_capacity)
        if not (demand.at_start.fits(limit) and demand.at_start.fits(self.scheduler.account)):
            raise UnsupportedRunError(f"{_NO_ROOM}: the run needs {demand.at_start} at its start")
        for state in ("PENDING", "SCHEDULED"):
            self.enter(job_run, state, "")
        take = functools.partial(self.scheduler.take_workers, job_run.id, application.id, demand.at_start, limit)
        if take(0, lambda: False):
            return True
        self.enter(job_run, "SCHEDULED", _NO_ROOM)
        if not take(job_run.execution_timeout_minutes * 60, lambda: job_run.state == "CANCELLING"):
            self._end_waiting(job_run, _NO_ROOM)
            return False
        return True

    def _end_waiting(self, job_run: Any, details: str) -> None:
        self.enter(job_run, *(_CANCELLED if job_run.state == "CANCELLING" else ("FAILED", details)))

    def _run(self, application: Any, job_run: Any, demand: Demand) -> None:
        self.start_application(application)
        self.enter(job_run, "RUNNING", "")
        started = time.monotonic()
        result = self.runner.run(job_run) if job_run.state == "RUNNING" else _CANCELLED
        set_billed_resources(job_run, time.monotonic() - started, demand)
        self.enter(job_run, "CANCELLED" if job_run.state == "CANCELLING" else result.state, result.details)
