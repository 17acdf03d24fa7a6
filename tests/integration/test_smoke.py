"""`make smoke` on a stack in the embedded AWS: what it checks, what it finds, and that it leaves nothing behind."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.cloud import EmbeddedCloud, running_cloud
from demo.deploy import deploy, deploy_build, outputs
from demo.errors import DeployError
from embedded_aws.repository import ROOT

SETTINGS = {"BatchWindowSeconds": "1", "ClockSchedule": "rate(1 minute)", "LaunchAfterMinutes": "0", "Components": "2"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cloud(state: Path) -> Iterator[EmbeddedCloud]:
    with running_cloud(state) as cloud:
        deploy(
            cloud,
            state,
            {**SETTINGS, "ImagesPrefixes": "plants/", "ImagesSuffixes": ".jpg", "IdentifyAccess": "public"},
        )
        yield cloud


def smoke(cloud: EmbeddedCloud, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "smoke.py"), *words]
    return subprocess.run(
        command, cwd=Path("/"), env=cloud.environment(), input=answer, capture_output=True, text=True, check=False
    )


def test_nothing_is_started_before_the_price_is_agreed_to(cloud: EmbeddedCloud) -> None:
    asked = smoke(cloud, "--stack", "pomona", answer="n\n")
    assert asked.returncode == 2
    assert "3 runs of EMR Serverless of about 3 minutes: about 0.05 USD" in asked.stdout
    assert not cloud.client("s3").list_objects_v2(Bucket=outputs(cloud)["ImagesBucketName"])["KeyCount"]


def test_a_stack_that_is_not_there_is_named(cloud: EmbeddedCloud) -> None:
    asked = smoke(cloud, "--stack", "nobodys", "--yes")
    assert "the stack nobodys cannot be looked at in eu-west-3" in asked.stderr


def test_a_working_stack_passes_and_no_sample_image_stays(cloud: EmbeddedCloud) -> None:
    done = smoke(cloud, "--stack", "pomona", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    marks = [line[:4] for line in done.stdout.splitlines() if line[:4] in ("ok  ", "--  ", "FAIL")]
    assert marks.count("ok  ") == 10
    assert marks.count("--  ") == 3  # what only AWS itself shows
    assert not cloud.client("s3").list_objects_v2(Bucket=outputs(cloud)["ImagesBucketName"])["KeyCount"]


def test_what_is_wrong_is_said(cloud: EmbeddedCloud) -> None:
    # Given a stack with a message among the dead letters, and a public address that has lost a permission
    functions, name = cloud.client("lambda"), outputs(cloud)["IdentifyFunctionName"]
    for statement in json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]:
        if statement["Action"] == "lambda:InvokeFunction":
            functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    cloud.client("sqs").send_message(QueueUrl=outputs(cloud)["DeadLetterQueueUrl"], MessageBody="lost")
    # When the checks that start nothing run
    code = (
        "import sys; sys.path.insert(0, 'tools'); import boto3, smoke, smoke_checks;"
        "shown = (smoke_checks.has_no_dead_letters, smoke_checks.lets_in_who_may_ask);"
        "checks = [one for one in smoke_checks.CHECKS if one[1] in shown];"
        "sys.exit(smoke.run_checks(smoke.Deployed('pomona', boto3.Session(), 1), checks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=cloud.environment(), capture_output=True, text=True, check=False
    )
    # Then it is told what is wrong, and where to read on
    assert done.returncode == 2, done.stderr
    assert "FAIL there are no dead letters: 1 messages wait in the dead-letter queue" in done.stdout
    assert "FAIL the address of identify lets in who may ask: http" in done.stdout
    assert "answers 403 to a request without a signature, and should answer 200" in done.stdout


def test_a_release_that_the_region_does_not_offer_is_named_with_one_that_it_does(
    cloud: EmbeddedCloud, state: Path
) -> None:
    # Given the template with a release that EMR Serverless refuses, so that the stack was rolled back
    early = {**SETTINGS, "DatabaseName": "early", "ReleaseLabel": "emr-spark-9.9.0"}
    with pytest.raises(DeployError):
        deploy_build(cloud, state, early, "early")
    # When it is checked
    done = smoke(cloud, "--stack", "early")
    # Then the check says so before anything is started, and what to do
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL the Region offers the release: eu-west-3 does not offer emr-spark-9.9.0" in done.stdout
    assert "deploy with ReleaseLabel=emr-spark-8.1.0" in done.stdout
    assert "this will start" not in done.stdout
    # And no application of the check stays
    applications = cloud.client("emr-serverless").list_applications()["applications"]
    assert [
        one for one in applications if one["name"].startswith("pomona-smoke") and one["state"] != "TERMINATED"
    ] == []
