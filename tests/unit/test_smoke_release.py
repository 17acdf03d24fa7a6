"""Which release label `make smoke` names, by what EMR Serverless accepts and what EMR on EC2 lists."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks.places import ROOT
from benchmarks.template import parameter_defaults


class RefusedError(ClientError):
    """A ValidationException."""


class Cloud:
    """The APIs that the check asks, of a Region that offers these labels."""

    exceptions = SimpleNamespace(ValidationException=RefusedError)

    def __init__(self, offered: list[str], listed: list[str] | None) -> None:
        self.offered, self.listed, self.made = offered, listed, 0

    def client(self, _service: str) -> "Cloud":
        return self

    def create_application(self, **asked: Any) -> dict[str, str]:
        if asked["releaseLabel"] not in self.offered:
            raise RefusedError({"Error": {"Code": "ValidationException", "Message": "no such label"}}, "Create")
        self.made += 1
        return {"applicationId": "one"}

    def delete_application(self, **_asked: str) -> None:
        self.made -= 1

    def list_release_labels(self, **_asked: Any) -> dict[str, Any]:
        if self.listed is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListReleaseLabels")
        return {"ReleaseLabels": self.listed}


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    return importlib.import_module("smoke_release")


def stack(cloud: Cloud, label: str) -> Any:
    region = SimpleNamespace(region_name="eu-west-3")
    return SimpleNamespace(client=cloud.client, session=region, parameters={"ReleaseLabel": label})


def test_a_label_that_is_offered_passes_and_leaves_no_application(tools: Any) -> None:
    cloud = Cloud(["emr-spark-8.1.0"], [])
    assert tools.offers_the_release(stack(cloud, "emr-spark-8.1.0")) == "emr-spark-8.1.0"
    assert cloud.made == 0


@pytest.mark.parametrize(
    ("offered", "listed", "advice"),
    [
        # the tested one comes first
        (["emr-spark-8.1.0", "emr-spark-8.2.0"], ["emr-spark-8.2.0"], r"ReleaseLabel=emr-spark-8\.1\.0$"),
        # else the newest that Serverless takes, by its numbers
        (
            ["emr-spark-8.9.0", "emr-spark-8.10.0", "emr-7.13.0"],
            ["emr-7.13.0", "emr-spark-8.9.0", "emr-spark-8.10.0", "emr-spark-9.0.0"],
            r"ReleaseLabel=emr-spark-8\.10\.0, which Pomona was not tested with \(emr-spark-8\.1\.0 is\)$",
        ),
        # a list that may not be read is no reason to say nothing
        (["emr-spark-8.1.0"], None, r"ReleaseLabel=emr-spark-8\.1\.0$"),
        ([], ["emr-spark-8.2.0"], "take another Region$"),
    ],
)
def test_a_label_that_is_not_offered_is_answered_with_one_that_is(
    tools: Any, offered: list[str], listed: list[str] | None, advice: str
) -> None:
    cloud = Cloud(offered, listed)
    with pytest.raises(tools.SmokeError, match=advice) as failed:
        tools.offers_the_release(stack(cloud, "emr-spark-9.9.0"))
    assert "eu-west-3 does not offer emr-spark-9.9.0 (no such label)" in str(failed.value)
    assert cloud.made == 0


def test_the_tested_label_is_the_template_s_default(tools: Any) -> None:
    cloud = Cloud([parameter_defaults()["ReleaseLabel"]], [])
    with pytest.raises(tools.SmokeError, match=parameter_defaults()["ReleaseLabel"].replace(".", r"\.")):
        tools.offers_the_release(stack(cloud, "emr-spark-9.9.0"))
