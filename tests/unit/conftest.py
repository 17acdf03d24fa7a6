"""How patient the tests are (none of them is a timed test, and the machine may be busy); a stage for the handlers."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from tests.parsed_models import share_parsed_models
from tests.unit.stage import Stage, forget_clients

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
