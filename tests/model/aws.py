"""S3 and EMR Serverless in memory, with what the queue relies on: conditional writes and idempotent starts."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

_FINAL = {"SUCCESS", "FAILED", "CANCELLED"}
_EPOCH = datetime(2026, 11, 21, 8, tzinfo=UTC)


def client_error(code: str, status: int, operation: str) -> ClientError:
    """An error as botocore raises it."""
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class Paging:
    """boto3's paginators, for fakes whose answers have one page."""

    def get_paginator(self, operation: str) -> Any:
        def paginate(**arguments: Any) -> Iterator[Any]:
            yield getattr(self, operation)(**arguments)

        return SimpleNamespace(paginate=paginate)


class S3(Paging):
    """One bucket with read-after-write; its listings may still name what was deleted while `stale`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.stale = False

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise client_error("NoSuchKey", 404, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": self._etag(Key)}

    def put_object(
        self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str | None = None, IfMatch: str | None = None
    ) -> dict[str, Any]:
        if IfNoneMatch and Key in self.objects:
            raise client_error("PreconditionFailed", 412, "PutObject")
        self._require(Key, IfMatch, "PutObject")
        self.objects[Key] = Body
        return {"ETag": self._etag(Key)}

    def delete_object(self, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:
        if Key in self.objects:
            self._require(Key, IfMatch, "DeleteObject")
            self._delete(Key)
        return {}

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for item in Delete["Objects"]:
            self._delete(item["Key"])
        return {}

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str]) -> dict[str, Any]:
        if CopySource["Key"] not in self.objects:
            raise client_error("NoSuchKey", 404, "CopyObject")
        self.objects[Key] = self.objects[CopySource["Key"]]
        return {}

    def list_objects_v2(self, Bucket: str, Prefix: str, Delimiter: str = "") -> dict[str, Any]:
        names = set(self.objects) | (self.deleted if self.stale else set())
        found = sorted(name for name in names if name.startswith(Prefix))
        folders = {_folder(name, Prefix, Delimiter) for name in found} - {""}
        contents = [{"Key": name} for name in found if not _folder(name, Prefix, Delimiter)]
        return {"Contents": contents, "CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}

    def _delete(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            self.deleted.add(key)

    def _require(self, key: str, etag: str | None, operation: str) -> None:
        if etag is None:
            return
        if key not in self.objects:
            raise client_error("NoSuchKey", 404, operation)
        if etag != self._etag(key):
            raise client_error("PreconditionFailed", 412, operation)

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()}"'


def _folder(name: str, prefix: str, delimiter: str) -> str:
    """The common prefix that a listing shows in the place of this name; empty if it shows the name itself."""
    first, found, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else (name, "", "")
    return f"{prefix}{first}{delimiter}" if found else ""


class EmrServerless(Paging):
    """Applications and their runs; a token always returns the run that it started."""

    def __init__(self, applications: set[str]) -> None:
        self.applications = applications
        self.runs: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self.tokens: dict[str, str] = {}

    def start_job_run(self, applicationId: str, clientToken: str, **parameters: Any) -> dict[str, Any]:
        if applicationId not in self.applications:
            raise client_error("ResourceNotFoundException", 404, "StartJobRun")
        if clientToken not in self.tokens:
            run_id = f"run-{len(self.runs)}"
            self.tokens[clientToken] = run_id
            created = _EPOCH + timedelta(seconds=len(self.runs))
            run = {"id": run_id, "state": "SUBMITTED", "stateDetails": "", "createdAt": created}
            self.runs[run_id] = {**run, "applicationId": applicationId, **parameters}
        return {"jobRunId": self.tokens[clientToken]}

    def get_job_run(self, applicationId: str, jobRunId: str) -> dict[str, Any]:
        if applicationId not in self.applications or jobRunId in self.gone:
            raise client_error("ResourceNotFoundException", 404, "GetJobRun")
        return {"jobRun": self.runs[jobRunId]}

    def list_job_runs(self, applicationId: str, createdAtAfter: Any) -> dict[str, Any]:
        runs = [run for run in self.runs.values() if run["applicationId"] == applicationId]
        return {"jobRuns": [run for run in runs if run["id"] not in self.gone]}

    def begin(self, run_id: str) -> None:
        """The run's process starts: AWS's `startedAt` is when a run moves to RUNNING (service model, shape JobRun)."""
        if run_id in self.alive():
            self.runs[run_id] |= {"state": "RUNNING", "startedAt": "now"}

    def end(self, run_id: str, state: str) -> None:
        """A final state is never left again."""
        if self.runs[run_id]["state"] not in _FINAL:
            self.runs[run_id]["state"] = state

    def alive(self) -> list[str]:
        """Runs that EMR Serverless reports as not ended."""
        return [
            run_id
            for run_id, run in self.runs.items()
            if run["state"] not in _FINAL and run_id not in self.gone and run["applicationId"] in self.applications
        ]
