"""EMR Serverless' API: applications, and job runs with AWS's states, idempotent by client token."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.job_runs import (
    FINAL_STATES,
    STATE_CHANGE,
    JobRunner,
    identifier,
    is_transition,
    new_job_run,
    state_change,
)
from embedded_aws.emr_serverless.lifecycle import RunLifecycle
from embedded_aws.emr_serverless.scheduler import Scheduler
from embedded_aws.moto_internals.emr_serverless import (
    Application,
    EMRServerlessBackend,
    ResourceNotFoundException,
    ValidationException,
)

# the releases of the release guide that the job supports; no API lists releases
OFFERED_RELEASES = ("emr-spark-8.0.0", "emr-spark-8.1.0")

Publish = Callable[[str, str, str, dict[str, Any]], None]  # region, source, detail-type, detail


class EmrBackend(EMRServerlessBackend):  # type: ignore[misc]
    """Applications and runs of one region. There are no executor processes: the driver does their work."""

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
        application = Application(
            name, _offered(release_label), application_type, client_token, ACCOUNT_ID, self.region_name, **options
        )
        application.id = identifier(self.region_name, name, client_token)
        application.arn = f"arn:aws:emr-serverless:{self.region_name}:{ACCOUNT_ID}:/applications/{application.id}"
        application.state = "CREATED"
        self.applications[application.id] = application
        self._save_application(application)
        return application

    def configure(self, application_id: str, scheduler: dict[str, int] | None, release_label: str | None) -> None:
        """Set what moto does not parse from the requests; None leaves a value as it is."""
        application = self.applications[application_id]
        if scheduler is not None:
            application.scheduler_configuration = scheduler
        if release_label is not None:
            application.release_label = _offered(release_label)
        self._save_application(application)

    def start_application(self, application_id: str) -> None:
        super().start_application(application_id)
        self._save_application(self.applications[application_id])

    def stop_application(self, application_id: str) -> None:
        super().stop_application(application_id)
        self._save_application(self.applications[application_id])

    def update_application(self, application_id: str, **changes: Any) -> Any:
        application = self.get_application(application_id)
        if application.state not in ("CREATED", "STOPPED"):
            # the message of guidance-for-clickstream-analytics-on-aws #60. CloudFormation sends all properties, so that
            # changes fail which a started application supports: cloudformation-coverage-roadmap #2370
            raise ValidationException(
                f"Application {application_id} must be in one of the statuses to be updated: [STOPPED, CREATED]. "
                f"Current status: {application.state}"
            )
        updated = super().update_application(application_id, **changes)
        self._save_application(updated)
        return updated

    def delete_application(self, application_id: str) -> None:
        super().delete_application(application_id)
        self._save_application(self.applications[application_id])

    def start_job_run(
        self, application_id: str, client_token: str, execution_role_arn: str, job_driver: Any, **options: Any
    ) -> Any:
        application = self.get_application(application_id)
        if application.state == "TERMINATED":
            raise ValidationException(f"Application {application_id} is terminated. Cannot start job run.")
        with self._lock:
            runs = self.job_runs.setdefault(application_id, [])
            for known in runs:
                if known.client_token == client_token:
                    return known
            job_run = new_job_run(application, self.region_name, client_token, execution_role_arn, job_driver, options)
            runs.append(job_run)
            self.enter(job_run, "SUBMITTED")
        threading.Thread(target=self._execute, args=(application, job_run), daemon=True).start()
        return job_run

    def _execute(self, application: Any, job_run: Any) -> None:
        lifecycle = RunLifecycle(self._scheduler, self.runner, self.enter, self._start_if_stopped)
        try:
            lifecycle.execute(application, job_run)
        finally:
            self._stop_if_idle(application)

    def _start_if_stopped(self, application: Any) -> None:
        if application.state != "STARTED":
            application.state = "STARTED"
            self._save_application(application)

    def _stop_if_idle(self, application: Any) -> None:
        """Stop an application right after its last run. AWS waits for IdleTimeoutMinutes; an update needs the stop."""
        with self._lock:
            runs = self.job_runs.get(application.id, [])
            if application.state == "STARTED" and all(run.state in FINAL_STATES for run in runs):
                application.state = "STOPPED"
                self._save_application(application)

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
        """Put a run into a state, save it and publish the event; do nothing if the run may not enter the state."""
        with self._lock:
            previous = job_run.state
            if not is_transition(previous, state):
                return
            job_run.state, job_run.state_details = state, details
            job_run.updated_at = datetime.now(UTC)
            if state == "RUNNING":
                job_run.started_at = job_run.updated_at
            self.save("run", self.region_name, dict(vars(job_run)))
            change = state_change(job_run, previous)
        self.publish(self.region_name, "aws.emr-serverless", STATE_CHANGE, change)

    def _save_application(self, application: Any) -> None:
        self.save("application", self.region_name, dict(vars(application)))


def _aware(moment: datetime | None, default: datetime) -> datetime:
    """Return a moment with its time zone; moto passes naive moments in UTC."""
    moment = moment or default
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _offered(release_label: str) -> str:
    if release_label not in OFFERED_RELEASES:
        raise ValidationException(f"Release label {release_label} is not offered in this Region")
    return release_label
