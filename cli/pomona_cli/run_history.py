"""The runs of a stack: what EMR Serverless knows of them, what they recorded, and what was billed."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from intake.emr import Billed
from intake.errors import FormatError, code_of
from intake.times import unstamp
from pomona_cli.costs import prices_of
from pomona_cli.stack import Stack

FORMAT = 1
_ENDED = ("SUCCESS", "FAILED", "CANCELLED")
_NAME = re.compile(r"runs/(?P<batch>.+)-(?P<attempt>\d+)(?P<billed>\.billed)?\.json")
_READS_AT_ONCE = 8
_CLOCK_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Run:
    """One run of a job. What is None is not known (yet)."""

    name: str  # featurize-<batch>-<attempt> or refit-<snapshot>-<time>
    state: str
    started_at: datetime | None
    seconds: float | None = None
    keys: int | None = None
    images: Mapping[str, int] = field(default_factory=dict)
    fallbacks: Mapping[str, int] | None = None  # objects that boto3 read in obstore's place, by reason
    billed: Billed | None = None
    cost: float | None = None
    currency: str | None = None
    run_id: str | None = None
    details: str = ""

    @property
    def batch(self) -> str:
        """The id of its batch; a refit's name."""
        return self.name.removeprefix("featurize-").rpartition("-")[0] if self.is_featurize else self.name

    @property
    def attempt(self) -> int | None:
        """Which attempt at its batch; None for a refit."""
        return int(self.name.rpartition("-")[2]) if self.is_featurize else None

    @property
    def is_featurize(self) -> bool:
        return self.name.startswith("featurize-")

    def document(self) -> dict[str, Any]:
        """For --json."""
        billed = vars(self.billed) if self.billed else None
        return {
            **vars(self),
            "images": dict(self.images),
            "billed": billed,
            "batch": self.batch,
            "attempt": self.attempt,
        }


class RunHistory:
    """The latest runs of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._emr = stack.client("emr-serverless")

    def latest(self, count: int) -> list[Run]:
        """The latest runs, featurize and refit, newest first."""
        recorded = self._recorded()
        names = sorted(recorded, key=_began, reverse=True)[:count]
        since = _began(names[-1]) - _CLOCK_SKEW if len(names) == count else None
        jobs = {job["name"]: job for job in self._jobs(since) if job.get("name")}
        newest = sorted({*names, *jobs}, key=lambda name: (_created(name, jobs), name), reverse=True)[:count]
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            return list(pool.map(lambda name: self._run(name, jobs.get(name), recorded.get(name, frozenset())), newest))

    def last_refit(self) -> dict[str, Any] | None:
        """What `results/latest.json` says, None if nothing was refitted yet."""
        return self._document("results/latest.json")

    def _recorded(self) -> dict[str, frozenset[str]]:
        """The documents of each run that has any."""
        found: dict[str, set[str]] = {}
        for key in self._stack.lake.names("runs/"):
            if match := _NAME.fullmatch(key):
                found.setdefault(f"featurize-{match['batch']}-{match['attempt']}", set()).add(key)
        return {name: frozenset(keys) for name, keys in found.items()}

    def _jobs(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        options = {"createdAtAfter": since} if since else {}
        pages = self._emr.get_paginator("list_job_runs").paginate(applicationId=self._stack.application_id, **options)
        return (job for page in pages for job in page["jobRuns"])

    def _run(self, name: str, job: dict[str, Any] | None, keys: frozenset[str]) -> Run:
        documents = {key.endswith(".billed.json"): self._document(key) or {} for key in keys}
        record, settled = documents.get(False, {}), documents.get(True, {})
        state = str(job["state"] if job else settled.get("state") or ("SUCCESS" if record else "unknown"))
        is_told = state == "SUCCESS" and settled
        details = self._details(job) if state in _ENDED and not is_told else {}
        billed = _billed(settled) or _billed_by_emr(details)
        prices = prices_of(self._stack.place.region)
        return Run(
            name=name,
            state=state,
            started_at=job["createdAt"] if job else _began(name),
            seconds=record.get("seconds", {}).get("total") or details.get("totalExecutionDurationSeconds"),
            keys=record.get("keys"),
            images=record.get("images", {}),
            fallbacks=record.get("fallbacks"),
            billed=billed,
            cost=prices.cost(billed) if prices and billed else None,
            currency=prices.currency if prices else None,
            run_id=str(job["id"]) if job else settled.get("run_id"),
            details=str(details.get("stateDetails") or ""),
        )

    def _details(self, job: dict[str, Any] | None) -> dict[str, Any]:
        """What GetJobRun says; nothing of a run that EMR Serverless has forgotten."""
        if job is None:
            return {}
        try:
            answer = self._emr.get_job_run(applicationId=job["applicationId"], jobRunId=job["id"])
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return {}
            raise
        found: dict[str, Any] = answer["jobRun"]
        return found

    def _document(self, key: str) -> dict[str, Any] | None:
        stored = self._stack.lake.read(key)
        if stored is None:
            return None
        document: dict[str, Any] = json.loads(stored.body)
        if document.get("format") != FORMAT:
            raise FormatError(f"{key} has format {document.get('format')!r}, but this release reads only {FORMAT}.")
        return document


def _billed(document: Mapping[str, Any]) -> Billed | None:
    if document.get("vcpu_hours") is None:
        return None
    return Billed(*(float(document[name]) for name in ("vcpu_hours", "memory_gb_hours", "storage_gb_hours")))


def _billed_by_emr(run: Mapping[str, Any]) -> Billed | None:
    used = run.get("billedResourceUtilization")
    return Billed(used["vCPUHour"], used["memoryGBHour"], used["storageGBHour"]) if used else None


def _created(name: str, jobs: Mapping[str, dict[str, Any]]) -> datetime:
    created: datetime = jobs[name]["createdAt"] if name in jobs else _began(name)
    return created


def _began(name: str) -> datetime:
    """When the batch of a featurize run was claimed: its id begins with that. A name of another form is the oldest."""
    try:
        return unstamp(name.removeprefix("featurize-").partition("-")[0])
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
