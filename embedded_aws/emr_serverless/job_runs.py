"""Job runs: their states, their identity and what they are billed."""

import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.workers import Demand
from embedded_aws.moto_internals.emr_serverless import JobRun, ValidationException

FINAL_STATES = ("SUCCESS", "FAILED", "CANCELLED")
STATE_CHANGE = "EMR Serverless Job Run State Change"
_LEAST_TIMEOUT_MINUTES = 5
_LEAST_BILLED_SECONDS = 60.0


class RunResult(NamedTuple):
    """The final state of a run, and its stateDetails."""

    state: str
    details: str


class JobRunner(Protocol):
    """Runs jobs: `SparkRuns` with Spark, tests with something faster."""

    def run(self, job_run: Any) -> RunResult:
        """Run a job to its end."""

    def cancel(self, job_run_id: str) -> None:
        """Kill the run's process, if it has one."""


def identifier(*parts: str) -> str:
    """Return an id of 16 characters, like AWS's; the same for the same parts."""
    return "00" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:14]


def new_job_run(
    application: Any, region: str, client_token: str, execution_role_arn: str, job_driver: Any, options: dict[str, Any]
) -> Any:
    """Return moto's JobRun in no state yet, with an id that depends on the application and the client token.

    Raises:
        ValidationException: the timeout is one that the published model allows and the service does not.
    """
    minutes = options.get("execution_timeout_minutes")
    if minutes and minutes < _LEAST_TIMEOUT_MINUTES:
        raise ValidationException(f"RunTimeout must be at least {_LEAST_TIMEOUT_MINUTES} minutes.")
    job_run = JobRun(
        application_id=application.id,
        client_token=client_token,
        execution_role_arn=execution_role_arn,
        account_id=ACCOUNT_ID,
        region_name=region,
        release_label=application.release_label,
        application_type=application.type,
        job_driver=job_driver,
        network_configuration=None,
        **options,
    )
    job_run.id = identifier(application.id, client_token)
    job_run.arn = f"{application.arn}/jobruns/{job_run.id}"
    job_run.created_at = job_run.updated_at = datetime.now(UTC)
    job_run.created_by, job_run.region, job_run.state = f"arn:aws:iam::{ACCOUNT_ID}:root", region, ""
    return job_run


def is_transition(previous: str, state: str) -> bool:
    """Return True if a run may change its state so: final states last, and only a final state follows CANCELLING."""
    return previous not in FINAL_STATES and (previous != "CANCELLING" or state in FINAL_STATES)


def state_change(job_run: Any, previous: str) -> dict[str, str]:
    """Return the detail of the event that EventBridge gets when a run changes its state."""
    return {
        "jobRunId": job_run.id,
        "applicationId": job_run.application_id,
        "arn": job_run.arn,
        "releaseLabel": job_run.release_label,
        "state": job_run.state,
        "previousState": previous,
        "createdBy": job_run.created_by,
        "updatedAt": job_run.updated_at.isoformat(),
        "createdAt": job_run.created_at.isoformat(),
    }


def set_billed_resources(job_run: Any, seconds: float, demand: Demand) -> None:
    """Set what AWS bills: the workers at the start of the run, for a minute at least. 20 GB of disk are free."""
    hours = max(_LEAST_BILLED_SECONDS, seconds) / 3600
    job_run.total_execution_duration_seconds = int(seconds)
    job_run.billed_resource_utilization = {
        "vCPUHour": round(demand.at_start.vcpus * hours, 3),
        "memoryGBHour": round(demand.at_start.memory_gb * hours, 3),
        "storageGBHour": 0.0,
    }
