"""What the tests of the handlers stand on: a lake, an application, and the functions with their environment."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emrserverless import models as moto_emr

from benchmarks.template import variables
from pomona_intake import clients, dependencies, ingest_dependencies
from tests.segment_lines import parse_lines

EVENTS = Path(__file__).resolve().parents[2] / "events"


def forget_clients() -> None:
    """Else a function works with what an earlier test gave it."""
    for module in (clients, dependencies, ingest_dependencies):
        for part in vars(module).values():
            if hasattr(part, "cache_clear"):
                part.cache_clear()


@dataclass
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str = "pomona"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-3:123456789012:function:pomona"
    aws_request_id: str = "8f5a3c9e-0000-4000-8000-000000000001"


class Stage:
    """A lake bucket, an application, and the functions with their environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        self.emr = boto3.client("emr-serverless")
        created = self.emr.create_application(name="pomona", releaseLabel="emr-7.5.0", type="SPARK")
        self.application_id = created["applicationId"]
        self.set(**variables() | {"APPLICATION_ID": self.application_id})
        self.set(POWERTOOLS_TRACE_DISABLED="true", LAUNCH_AFTER_MINUTES="0", MAX_ATTEMPTS="2", EXPRESS_KEYS="0")
        self.set(RETRY_AFTER_MINUTES="0")

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def runs_are(self, state: str) -> None:
        """The state of every run, started already or from now on."""
        self._monkeypatch.setattr(moto_emr, "JOB_STATUS", state)
        started = moto_emr.emrserverless_backends["123456789012"]["eu-west-3"].job_runs
        for run in started.get(self.application_id, []):
            run.state = state
            run.total_execution_duration_seconds = 60  # the job itself ran

    def invoke(self, function: str, event: str) -> Any:
        forget_clients()
        handler = importlib.import_module(function).handler
        return handler(json.loads((EVENTS / f"{event}.json").read_text()), Context())

    def launch(self, event: str = "ingest-s3-put") -> None:
        """Take in an event, and look at the queue as `advance` does when it is woken."""
        self.invoke("ingest", event)
        self.invoke("advance", "advance-clock")

    def names(self, prefix: str) -> list[str]:
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]

    def read(self, name: str) -> bytes:
        return self.s3.get_object(Bucket="lake", Key=name)["Body"].read()

    def dirty(self) -> list[str]:
        return [key.key for name in self.names("queue/pending/") for key in parse_lines(self.read(name))]

    def claim(self) -> dict[str, Any]:
        return json.loads(self.read("queue/active.json"))

    def runs(self) -> list[str]:
        return [run["name"] for run in self.emr.list_job_runs(applicationId=self.application_id)["jobRuns"]]
