"""How patient the tests are (none of them is a timed test, and the machine may be busy); a stage for the handlers."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from pomona.s3 import objects
from tests.identify_function import identify_s3
from tests.parsed_models import share_parsed_models
from tests.unit.stage import Stage, forget_clients

__all__ = ["identify_s3", "lake", "stage"]

settings.register_profile("pomona", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pomona")
share_parsed_models()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        stage = Stage(monkeypatch)
        stage.runs_are("RUNNING")
        forget_clients()
        yield stage


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A lake that the job's own code reads and writes; the client of S3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    objects.s3_client.cache_clear()
    with mock_aws():
        s3 = objects.s3_client()
        s3.create_bucket(Bucket="lake")
        yield s3
    objects.s3_client.cache_clear()
