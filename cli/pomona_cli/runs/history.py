"""The runs of a stack, from EMR Serverless, from their records in the lake and from their bills."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from pomona_cli.runs.run import LastRefit, Run
from pomona_cli.stack.stack import Stack
from pomona_contract.documents import latest_results, run_record
from pomona_contract.lake_layout import BILL_ENDING, LATEST_RESULTS, RUNS
from pomona_contract.lanes import Lane
from pomona_contract.prices import BilledHours, prices_of
from pomona_contract.run_names import REFIT_PREFIX, RunName
from pomona_contract.versions import Format
from pomona_intake.errors import code_of
from pomona_intake.runs.express_client import is_express_run

_READS_AT_ONCE = 8
_CLOCK_SKEW = timedelta(minutes=15)


class RunHistory:
    """The latest runs of a stack."""

    ENDED = ("SUCCESS", "FAILED", "CANCELLED")

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._emr = stack.client("emr-serverless")

    def latest(self, count: int) -> list[Run]:
        """Return the latest runs, featurize and refit, the newest first."""
        recorded = self._recorded()
        names = sorted(recorded, key=_time_in_name, reverse=True)[:count]
        since = _time_in_name(names[-1]) - _CLOCK_SKEW if len(names) == count else None
        jobs = {job["name"]: job for job in self._jobs(since) if job.get("name")}
        newest = sorted({*names, *jobs}, key=lambda name: (_created_at(name, jobs), name), reverse=True)[:count]
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            return list(pool.map(lambda name: self._run(name, jobs.get(name), recorded.get(name, frozenset())), newest))

    def last_refit(self) -> LastRefit | None:
        """Return the refit of the current results and its run, None before the first refit."""
        latest = self._document(LATEST_RESULTS, latest_results.FORMAT)
        if latest is None:
            return None
        bills = sorted(self._stack.lake.names(f"{RUNS}{REFIT_PREFIX}{latest['snapshot_id']}-"), reverse=True)
        runs = (self._run(name, None, frozenset({key})) for key in bills if (name := _run_name(key)))
        return LastRefit(latest, next((run for run in runs if run.state == "SUCCESS"), None))

    def _recorded(self) -> dict[str, frozenset[str]]:
        """Return the keys of the documents of each run that has any."""
        found: dict[str, set[str]] = {}
        for key in self._stack.lake.names(RUNS):
            if name := _run_name(key):
                found.setdefault(name, set()).add(key)
        return {name: frozenset(keys) for name, keys in found.items()}

    def _jobs(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        options = {"createdAtAfter": since} if since else {}
        pages = self._emr.get_paginator("list_job_runs").paginate(applicationId=self._stack.application_id, **options)
        return (job for page in pages for job in page["jobRuns"])

    def _run(self, name: str, job: dict[str, Any] | None, keys: frozenset[str]) -> Run:
        documents = {key.endswith(BILL_ENDING): self._document(key) or {} for key in keys}
        record, bill = documents.get(False, {}), documents.get(True, {})
        state = str(job["state"] if job else bill.get("state") or ("SUCCESS" if record else "unknown"))
        run_id = str(job["id"]) if job else bill.get("run_id")
        is_express = is_express_run(run_id or "") or record.get("lane") == Lane.EXPRESS
        is_known_to_emr = bool(run_id) and state in self.ENDED and not is_express
        asked = self._details(str(run_id)) if is_known_to_emr and not _is_complete(bill) else {}
        billed = _billed(bill) or _billed_by_emr(asked)
        cost, currency = self._cost(bill, billed)
        return Run(
            name=name,
            state=state,
            lane=_lane(name, is_express=is_express),
            started_at=job["createdAt"] if job else _time_in_name(name),
            seconds=record.get("seconds", {}).get("total")
            or bill.get("seconds")
            or asked.get("totalExecutionDurationSeconds"),
            keys=record.get("keys"),
            images=record.get("images", {}),
            fallbacks=record.get("fallbacks"),
            deferred=record.get("deferred") or 0,
            careful=record.get("careful"),
            billed=billed,
            cost=cost,
            currency=currency,
            run_id=run_id,
            details=str(bill.get("reason") or asked.get("stateDetails") or ""),
        )

    def _cost(self, bill: Mapping[str, Any], billed: BilledHours | None) -> tuple[float | None, str | None]:
        """Return the cost in the bill; without one, compute it at the prices of this release."""
        if bill.get("cost") is not None:
            return float(bill["cost"]), str(bill["currency"])
        prices = prices_of(self._stack.location.region)
        return (prices.cost(billed) if prices and billed else None), (prices.currency if prices else None)

    def _details(self, run_id: str) -> dict[str, Any]:
        """Return the answer of GetJobRun; empty for a run that EMR Serverless no longer has."""
        try:
            answer = self._emr.get_job_run(applicationId=self._stack.application_id, jobRunId=run_id)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return {}
            raise
        found: dict[str, Any] = answer["jobRun"]
        return found

    def _document(self, key: str, form: Format = run_record.FORMAT) -> dict[str, Any] | None:
        stored = self._stack.lake.read(key)
        if stored is None:
            return None
        return form.decode_fields(key, stored.body)


def _run_name(key: str) -> str | None:
    """Return the name of the run whose record or bill has this key, None for another document."""
    name = RunName.of_document(key)
    return str(name) if name else None


def _lane(name: str, *, is_express: bool) -> Lane | None:
    if name.startswith(REFIT_PREFIX):
        return None
    return Lane.EXPRESS if is_express else Lane.CLUSTER


def _is_complete(bill: Mapping[str, Any]) -> bool:
    """Return whether GetJobRun adds nothing to the bill; an earlier release wrote no reason of a failure."""
    return _billed(bill) is not None and (bill["state"] == "SUCCESS" or "reason" in bill)


def _billed(document: Mapping[str, Any]) -> BilledHours | None:
    if document.get("vcpu_hours") is None:
        return None
    names = ("vcpu_hours", "memory_gb_hours", "storage_gb_hours")
    vcpu, memory, storage = (float(document[name]) for name in names)
    return BilledHours(vcpu, memory, storage, float(document.get("function_gb_hours") or 0.0))


def _billed_by_emr(run: Mapping[str, Any]) -> BilledHours | None:
    used = run.get("billedResourceUtilization")
    return BilledHours(used["vCPUHour"], used["memoryGBHour"], used["storageGBHour"]) if used else None


def _created_at(name: str, jobs: Mapping[str, dict[str, Any]]) -> datetime:
    created: datetime = jobs[name]["createdAt"] if name in jobs else _time_in_name(name)
    return created


def _time_in_name(name: str) -> datetime:
    """Return the time in a run's name: when its batch was claimed or its refit was due; the minimum if it has none."""
    parsed = RunName.parse(name)
    return parsed.began_at if parsed and parsed.began_at else datetime.min.replace(tzinfo=UTC)
