"""Applications and runs of EMR Serverless that outlive the process."""

import json
from datetime import datetime
from typing import Any

from moto.emrserverless.models import Application, JobRun, emrserverless_backends

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.backend import FINAL_STATES
from embedded_aws.store import Store

_MOMENTS = ("created_at", "updated_at", "started_at")  # a run that never ran has no start


class EmrStore:
    """Writes through what the EMR backend saves, and brings it back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, kind: str, region: str, described: dict[str, Any]) -> None:
        """Remember an application or a run as it is now."""
        self._store.write(
            "INSERT INTO emr VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET described = excluded.described",
            kind,
            described["id"],
            region,
            json.dumps(described, default=_moment),
        )

    def restore(self) -> list[tuple[Any, Any]]:
        """Bring everything back; (backend, run) of each run that was on its way, whose driver is gone."""
        interrupted = []
        for kind, region, text in self._store.read("SELECT kind, region, described FROM emr ORDER BY rowid"):
            backend, described = emrserverless_backends[ACCOUNT_ID][region], json.loads(text)
            if kind == "application":
                backend.applications[described["id"]] = _revive(Application, described)
                continue
            job_run = _revive(JobRun, described)
            backend.job_runs.setdefault(job_run.application_id, []).append(job_run)
            if job_run.state not in FINAL_STATES:
                interrupted.append((backend, job_run))
        return interrupted


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not kept")


def _revive(kind: type, described: dict[str, Any]) -> Any:
    revived: Any = object.__new__(kind)
    moments = {name: datetime.fromisoformat(described[name]) for name in _MOMENTS if name in described}
    vars(revived).update(described | moments)
    return revived
