"""Start runs on EMR Serverless, each only once; find them again and read their states."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pomona_contract.prices import BilledHours
from pomona_intake.errors import RunRefusedError, TransientError, code_of, transient_errors
from pomona_intake.runs.run_states import Phase, RunState

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless.client import EMRServerlessClient
    from mypy_boto3_emr_serverless.type_defs import JobRunSummaryTypeDef, JobRunTypeDef, ResourceUtilizationTypeDef

_CLOCK_SKEW = timedelta(minutes=15)
_RUNS_PER_PAGE = 20
_REFUSALS = {"ValidationException", "ResourceNotFoundException"}


_FINAL = {"SUCCESS": Phase.SUCCEEDED, "FAILED": Phase.FAILED, "CANCELLED": Phase.FAILED}


@dataclass(frozen=True)
class EndedPage:
    """One page of the list of ended runs: their ids by name, and the token of the next page if there is one."""

    ids: Mapping[str, str]
    next_token: str | None


class EmrClient:
    """Runs of jobs on EMR Serverless. Every method raises TransientError when EMR Serverless could not answer."""

    def __init__(self, client: "EMRServerlessClient") -> None:
        self._client = client

    def start(self, parameters: Mapping[str, Any], token: str) -> str:
        """Start a run, or return the run that this token has already started.

        Raises:
            RunRefusedError: the parameters are not valid, or the application no longer exists.
        """
        try:
            with transient_errors(f"starting {parameters['name']}"):
                return self._client.start_job_run(**parameters, clientToken=token)["jobRunId"]
        except ClientError as error:
            if code_of(error) == "ConflictException":
                raise TransientError(f"starting {parameters['name']}: {error}") from error
            if code_of(error) in _REFUSALS:
                raise RunRefusedError(f"starting {parameters['name']}: {error}") from error
            raise

    def find(self, application_id: str, name: str, since: datetime) -> str | None:
        """Return the id of the run of that name that started no earlier than `since`, None if there is none.

        A client token alone would not do: EMR Serverless does not remember it for ever.
        """
        try:
            with transient_errors(f"looking for {name}"):
                listed = self._list(application_id, since)
                return next((run["id"] for run in listed if run.get("name") == name), None)
        except ClientError as error:
            if code_of(error) in _REFUSALS:
                return None  # the application no longer exists; `start` raises the error
            raise

    def ended(self, application_id: str, since: datetime, token: str | None = None) -> EndedPage:
        """Return one page, read in one request, of the runs that were created after `since` and have ended.

        The page is empty if the application no longer exists or EMR Serverless refuses the token.
        """
        options: dict[str, Any] = {"createdAtAfter": since, "states": list(_FINAL), "maxResults": _RUNS_PER_PAGE}
        if token:
            options["nextToken"] = token
        try:
            with transient_errors("looking for runs that have ended"):
                page = self._client.list_job_runs(applicationId=application_id, **options)
        except ClientError as error:
            if code_of(error) in _REFUSALS:
                return EndedPage({}, None)
            raise
        return EndedPage({run.get("name", ""): run["id"] for run in page["jobRuns"]}, page.get("nextToken"))

    def named(self, application_id: str, prefix: str, since: datetime) -> list[RunState]:
        """Return the runs whose names begin with the prefix and that started no earlier than `since`, newest first."""
        try:
            with transient_errors(f"listing the runs {prefix}*"):
                found = [run for run in self._list(application_id, since) if run.get("name", "").startswith(prefix)]
        except ClientError as error:
            if code_of(error) in _REFUSALS:
                return []  # the application no longer exists; `start` raises the error
            raise
        newest_first = sorted(found, key=lambda run: run["createdAt"], reverse=True)
        return [_state_of_summary(run) for run in newest_first]

    def _list(self, application_id: str, since: datetime) -> "Iterator[JobRunSummaryTypeDef]":
        pages = self._client.get_paginator("list_job_runs").paginate(
            applicationId=application_id, createdAtAfter=since - _CLOCK_SKEW
        )
        return (run for page in pages for run in page["jobRuns"])

    def state(self, application_id: str, run_id: str) -> RunState:
        """Return the state of a run; a run or application that no longer exists has failed."""
        try:
            with transient_errors(f"reading the state of run {run_id}"):
                run = self._client.get_job_run(applicationId=application_id, jobRunId=run_id)["jobRun"]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return RunState(Phase.FAILED, f"run {run_id} or its application no longer exists")
            raise
        details = f"run {run_id} ended as {run['state']}: {run.get('stateDetails', '')}"
        return RunState(
            phase=_FINAL.get(run["state"], Phase.RUNNING),
            details=details,
            run_id=run_id,
            name=run.get("name", ""),
            state=run["state"],
            seconds=run.get("totalExecutionDurationSeconds"),
            billed=_billed(run.get("billedResourceUtilization")),
            was_running=_was_running(run),
        )


def _was_running(run: "JobRunTypeDef") -> bool:
    """Return True if the run reached RUNNING: it has `startedAt`, or at least a duration, then."""
    return bool(run["state"] == "SUCCESS" or run.get("startedAt") or run.get("totalExecutionDurationSeconds"))


def _state_of_summary(run: "JobRunSummaryTypeDef") -> RunState:
    phase = _FINAL.get(run["state"], Phase.RUNNING)
    return RunState(phase, run.get("stateDetails", ""), run["id"], run.get("name", ""), run["state"])


def _billed(used: "ResourceUtilizationTypeDef | None") -> BilledHours | None:
    if not used:
        return None
    return BilledHours(used.get("vCPUHour", 0.0), used.get("memoryGBHour", 0.0), used.get("storageGBHour", 0.0))
