"""Applications and runs that survive a restart."""

import json
from datetime import datetime
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.job_runs import FINAL_STATES
from embedded_aws.moto_internals.emr_serverless import Application, JobRun, emrserverless_backends
from embedded_aws.store import Store

_MOMENTS = ("created_at", "updated_at", "started_at")  # a run that did not start has no started_at


class EmrStore:
    """Saves the applications and runs of the EMR backend, and restores them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, kind: str, region: str, described: dict[str, Any]) -> None:
        """Save an application or a run."""
        self._store.write(
            "INSERT INTO emr VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET described = excluded.described",
            kind,
            described["id"],
            region,
            json.dumps(described, default=_moment),
        )

    def restore(self) -> list[tuple[Any, Any]]:
        """Restore everything; return (backend, run) of each run that the end of the server interrupted."""
        interrupted = []
        for kind, region, text in self._store.read("SELECT kind, region, described FROM emr ORDER BY rowid"):
            backend, described = emrserverless_backends[ACCOUNT_ID][region], json.loads(text)
            if kind == "application":
                backend.applications[described["id"]] = _restored(Application, described)
                continue
            job_run = _restored(JobRun, described)
            backend.job_runs.setdefault(job_run.application_id, []).append(job_run)
            if job_run.state not in FINAL_STATES:
                interrupted.append((backend, job_run))
        return interrupted


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be saved")


def _restored(kind: type, described: dict[str, Any]) -> Any:
    restored: Any = object.__new__(kind)
    moments = {name: datetime.fromisoformat(described[name]) for name in _MOMENTS if name in described}
    vars(restored).update(described | moments)
    return restored
