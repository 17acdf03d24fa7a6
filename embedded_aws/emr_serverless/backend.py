"""EMR Serverless' API: applications, and job runs with AWS's states, idempotent by client token."""

import functools
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.emrserverless import models
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.scheduler import Scheduler, concurrency, maximum_capacity
from embedded_aws.emr_serverless.workers import Demand, UnsupportedRunError, demand_of

FINAL_STATES = ("SUCCESS", "FAILED", "CANCELLED")
# those of the release guide that the job can run on; there is no API that lists them
OFFERED_RELEASES = ("emr-spark-8.0.0", "emr-spark-8.1.0")
_NO_ROOM = "ApplicationMaxCapacityExceededException: no workers can be had within the limits of application and account"

Publish = Callable[[str, str, str, dict[str, Any]], None]  # region, source, detail-type, detail


@dataclass(frozen=True)
class Ended:
    """How a run's process ended: the state it gives the run, and why."""

    state: str
    details: str


class JobRunner:
    """What runs the jobs (see `spark_runs`); the tests of the API put something quicker here."""

    def run(self, job_run: Any) -> Ended:
        """Run to the end."""
        raise NotImplementedError

    def cancel(self, job_run_id: str) -> None:
        """End the run's process, if it has one."""
        raise NotImplementedError


def _identifier(*parts: str) -> str:
    """16 characters as AWS's ids have them, the same for the same parts."""
    return "00" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:14]


class EmrBackend(models.EMRServerlessBackend):  # type: ignore[misc]
    """Applications and runs of one region. Executors are not there: a run's work is done inside its driver."""

    runner: JobRunner
    publish: Publish
    save: Callable[[str, str, dict[str, Any]], None]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._scheduler = Scheduler()

    def create_application(
        self, name: str, release_label: str, application_type: str, client_token: str, **options: Any
    ) -> Any:
        application = models.Application(
            name, _offered(release_label), application_type, client_token, ACCOUNT_ID, self.region_name, **options
        )
        application.id = _identifier(self.region_name, name, client_token)
        application.arn = f"arn:aws:emr-serverless:{self.region_name}:{ACCOUNT_ID}:/applications/{application.id}"
        application.state = "CREATED"
        self.applications[application.id] = application
        self.keep_application(application)
        return application

    def configure(self, application_id: str, scheduler: dict[str, int] | None, release_label: str | None) -> None:
        """Set what moto's requests do not carry; None leaves it as it is."""
        application = self.applications[application_id]
        if scheduler is not None:
            application.scheduler_configuration = scheduler
        if release_label is not None:
            application.release_label = _offered(release_label)
        self.keep_application(application)

    def start_application(self, application_id: str) -> None:
        super().start_application(application_id)
        self.keep_application(self.applications[application_id])

    def stop_application(self, application_id: str) -> None:
        super().stop_application(application_id)
        self.keep_application(self.applications[application_id])

    def update_application(self, application_id: str, **changes: Any) -> Any:
        application = self.get_application(application_id)
        if application.state not in ("CREATED", "STOPPED"):
            # the words of guidance-for-clickstream-analytics-on-aws #60. CloudFormation sends all that a template has,
            # so that not even the changes pass that a started application takes: cloudformation-coverage-roadmap #2370
            raise ValidationException(
                f"Application {application_id} must be in one of the statuses to be updated: [STOPPED, CREATED]. "
                f"Current status: {application.state}"
            )
        updated = super().update_application(application_id, **changes)
        self.keep_application(updated)
        return updated

    def delete_application(self, application_id: str) -> None:
        super().delete_application(application_id)
        self.keep_application(self.applications[application_id])

    def start_job_run(
        self, application_id: str, client_token: str, execution_role_arn: str, job_driver: Any, **options: Any
    ) -> Any:
        application = self._application(application_id)
        _check_timeout(options.get("execution_timeout_minutes"))
        with self._lock:
            runs = self.job_runs.setdefault(application_id, [])
            for known in runs:
                if known.client_token == client_token:
                    return known
            job_run = self._new_run(application, client_token, execution_role_arn, job_driver, options)
            runs.append(job_run)
            self.enter(job_run, "SUBMITTED")
        threading.Thread(target=self._run, args=(application, job_run), daemon=True).start()
        return job_run

    def _application(self, application_id: str) -> Any:
        application = self.get_application(application_id)
        if application.state == "TERMINATED":
            raise ValidationException(f"Application {application_id} is terminated. Cannot start job run.")
        return application

    def _new_run(self, application: Any, token: str, role: str, job_driver: Any, options: dict[str, Any]) -> Any:
        job_run = models.JobRun(
            application_id=application.id,
            client_token=token,
            execution_role_arn=role,
            account_id=ACCOUNT_ID,
            region_name=self.region_name,
            release_label=application.release_label,
            application_type=application.type,
            job_driver=job_driver,
            network_configuration=None,
            **options,
        )
        job_run.id = _identifier(application.id, token)
        job_run.arn = f"{application.arn}/jobruns/{job_run.id}"
        job_run.created_at = job_run.updated_at = datetime.now(UTC)
        job_run.created_by, job_run.region, job_run.state = f"arn:aws:iam::{ACCOUNT_ID}:root", self.region_name, ""
        return job_run

    def _run(self, application: Any, job_run: Any) -> None:
        try:
            asked = demand_of(job_run.job_driver["sparkSubmit"].get("sparkSubmitParameters") or "")
            if self._has_turn(application, job_run) and self._has_workers(application, job_run, asked):
                self._run_now(application, job_run, asked)
        except UnsupportedRunError as refusal:
            self.enter(job_run, "FAILED", str(refusal))
        finally:
            self._scheduler.leave(job_run.id)
            self._stop_if_idle(application)

    def _has_turn(self, application: Any, job_run: Any) -> bool:
        """Return True once the run may go on, False if it ended in the queue."""
        most, seconds = concurrency(getattr(application, "scheduler_configuration", None))
        taken = functools.partial(self._scheduler.take_turn, job_run.id, application.id, most)
        if taken(0, lambda: False):
            return True
        self.enter(job_run, "QUEUED")
        if not taken(seconds, lambda: job_run.state == "CANCELLING"):
            self._end_of_wait(job_run, "The job run was queued for longer than queueTimeoutMinutes")
            return False
        return True

    def _has_workers(self, application: Any, job_run: Any, asked: Demand) -> bool:
        """Return True once driver and first executors fit; a run that never can fails at once."""
        limit = maximum_capacity(application.maximum_capacity)
        if not (asked.at_start.fits(limit) and asked.at_start.fits(self._scheduler.account)):
            raise UnsupportedRunError(f"{_NO_ROOM}: the run needs {asked.at_start} at its start")
        for state in ("PENDING", "SCHEDULED"):
            self.enter(job_run, state)
        taken = functools.partial(self._scheduler.take_workers, job_run.id, application.id, asked.at_start, limit)
        if taken(0, lambda: False):
            return True
        self.enter(job_run, "SCHEDULED", _NO_ROOM)
        if not taken(job_run.execution_timeout_minutes * 60, lambda: job_run.state == "CANCELLING"):
            self._end_of_wait(job_run, _NO_ROOM)
            return False
        return True

    def _end_of_wait(self, job_run: Any, details: str) -> None:
        if job_run.state == "CANCELLING":
            self.enter(job_run, "CANCELLED", "Job cancelled")
        else:
            self.enter(job_run, "FAILED", details)

    def _run_now(self, application: Any, job_run: Any, asked: Demand) -> None:
        if application.state != "STARTED":
            application.state = "STARTED"
            self.keep_application(application)
        self.enter(job_run, "RUNNING")
        started = time.monotonic()
        ended = self.runner.run(job_run) if job_run.state == "RUNNING" else Ended("CANCELLED", "Job cancelled")
        _bill(job_run, time.monotonic() - started, asked)
        self.enter(job_run, "CANCELLED" if job_run.state == "CANCELLING" else ended.state, ended.details)

    def _stop_if_idle(self, application: Any) -> None:
        """Stop an application at once after its last run: AWS does after IdleTimeoutMinutes, and updates only then."""
        with self._lock:
            runs = self.job_runs.get(application.id, [])
            if application.state == "STARTED" and all(run.state in FINAL_STATES for run in runs):
                application.state = "STOPPED"
                self.keep_application(application)

    def cancel_job_run(self, application_id: str, job_run_id: str) -> tuple[str, str]:
        job_run = self.get_job_run(application_id, job_run_id)
        if job_run.state not in FINAL_STATES:
            self.enter(job_run, "CANCELLING")
            self.runner.cancel(job_run_id)
            self._scheduler.wake()
        return application_id, job_run_id

    def get_job_run(self, application_id: str, job_run_id: str) -> Any:
        self.get_application(application_id)
        for job_run in self.job_runs.get(application_id, []):
            if job_run.id == job_run_id:
                return job_run
        raise ResourceNotFoundException(job_run_id, "JobRun")

    def list_job_runs(
        self,
        application_id: str,
        created_at_after: datetime | None,
        created_at_before: datetime | None,
        states: list[str] | None,
    ) -> list[Any]:
        self.get_application(application_id)
        after, before = _aware(created_at_after, datetime.min), _aware(created_at_before, datetime.max)
        runs = [
            job_run
            for job_run in self.job_runs.get(application_id, [])
            if after <= job_run.created_at <= before and (not states or job_run.state in states)
        ]
        return sorted(runs, key=lambda job_run: job_run.created_at, reverse=True)

    def enter(self, job_run: Any, state: str, details: str = "") -> None:
        """Put a run into a state, remember it, and tell EventBridge. A final state, and a cancellation, are kept."""
        with self._lock:
            previous = job_run.state
            if previous in FINAL_STATES or (previous == "CANCELLING" and state not in FINAL_STATES):
                return
            job_run.state, job_run.state_details = state, details
            job_run.updated_at = datetime.now(UTC)
            if state == "RUNNING":
                job_run.started_at = job_run.updated_at
            self.keep_run(job_run)
        detail = {
            "jobRunId": job_run.id,
            "applicationId": job_run.application_id,
            "arn": job_run.arn,
            "releaseLabel": job_run.release_label,
            "state": state,
            "previousState": previous,
            "createdBy": job_run.created_by,
            "updatedAt": job_run.updated_at.isoformat(),
            "createdAt": job_run.created_at.isoformat(),
        }
        self.publish(self.region_name, "aws.emr-serverless", "EMR Serverless Job Run State Change", detail)

    def keep_application(self, application: Any) -> None:
        """Write an application through."""
        self.save("application", self.region_name, dict(vars(application)))

    def keep_run(self, job_run: Any) -> None:
        """Write a run through."""
        self.save("run", self.region_name, dict(vars(job_run)))


def _aware(moment: datetime | None, otherwise: datetime) -> datetime:
    """moto hands over moments in UTC that do not say so."""
    moment = moment or otherwise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _offered(release_label: str) -> str:
    if release_label not in OFFERED_RELEASES:
        raise ValidationException(f"Release label {release_label} is not offered in this Region")
    return release_label


def _check_timeout(minutes: int | None) -> None:
    """Refuse what the published model allows and the service does not."""
    if minutes and minutes < 5:
        raise ValidationException("RunTimeout must be at least 5 minutes.")


def _bill(job_run: Any, seconds: float, asked: Demand) -> None:
    """Set what AWS would bill: the workers that the run started with, a minute at least; 20 GB of disk are free."""
    hours = max(60.0, seconds) / 3600
    job_run.total_execution_duration_seconds = int(seconds)
    job_run.billed_resource_utilization = {
        "vCPUHour": round(asked.at_start.vcpus * hours, 3),
        "memoryGBHour": round(asked.at_start.memory_gb * hours, 3),
        "storageGBHour": 0.0,
    }
