"""What StartJobRun is given, and what EMR Serverless's answers mean."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from botocore.stub import ANY, Stubber

from intake.emr import Phase, Runs
from intake.errors import RunRefusedError, TransientError, transient_errors
from intake.runs import featurize_parameters, refit_parameters
from tests.model.world import settings

SINCE = datetime(2026, 11, 21, 8, tzinfo=UTC)
ARN = "arn:aws:emr-serverless:eu-west-3:123456789012:/applications/app/jobruns/run"
ROLE = "arn:aws:iam::123456789012:role/pomona"
BATCH = "20261121T080000000Z-0a1b2c3d"


@pytest.fixture
def emr() -> Iterator[Stubber]:
    client = boto3.client("emr-serverless", region_name="eu-west-3", aws_access_key_id="a", aws_secret_access_key="s")
    with Stubber(client) as stubber:
        yield stubber


def runs(emr: Stubber) -> Runs:
    return Runs(emr.client)


def submitted(parameters: dict[str, Any]) -> dict[str, Any]:
    return parameters["jobDriver"]["sparkSubmit"]


def test_featurize_is_told_its_batch_and_attempt_as_separate_arguments() -> None:
    parameters = featurize_parameters(settings(), BATCH, attempt=2)

    assert parameters["name"] == f"featurize-{BATCH}-2"
    assert submitted(parameters)["entryPoint"] == "s3://lake/jobs/0123456789ab/featurize.py"
    assert submitted(parameters)["entryPointArguments"] == (
        "--lake-bucket lake --images-bucket images --database pomona --table features --backbone fruitnet "
        f"--batch-id {BATCH} --attempt 2 --max-image-bytes 67108864 --max-image-pixels 100000000 --snapshot-days 7 "
        "--timeout-minutes 60"
    ).split(" ")


def test_refit_is_told_its_components() -> None:
    parameters = refit_parameters(settings(COMPONENTS="0.95"), "refit-1")

    assert submitted(parameters)["entryPoint"] == "s3://lake/jobs/0123456789ab/refit.py"
    assert " ".join(submitted(parameters)["entryPointArguments"]) == (
        "--lake-bucket lake --database pomona --table features --backbone fruitnet --components 0.95"
    )


def test_each_job_has_a_timeout_of_its_own() -> None:
    limits = settings(RUN_TIMEOUT_MINUTES="30", REFIT_TIMEOUT_MINUTES="300")

    featurize, refit = featurize_parameters(limits, BATCH, 1), refit_parameters(limits, "refit-1")

    assert (featurize["executionTimeoutMinutes"], refit["executionTimeoutMinutes"]) == (30, 300)
    assert submitted(featurize)["entryPointArguments"][-2:] == ["--timeout-minutes", "30"]


def test_spark_gets_the_archives_the_interpreter_and_a_ceiling() -> None:
    text = submitted(featurize_parameters(settings(MAX_EXECUTORS="3"), BATCH, 1))["sparkSubmitParameters"]

    for configuration in (
        "spark.archives=s3://lake/jobs/0123456789ab/job.tar.gz#job,s3://lake/jobs/0123456789ab/deps.tar.gz#deps",
        "spark.emr-serverless.driverEnv.PYTHONPATH=./job:./deps",
        "spark.executorEnv.PYTHONPATH=./job:./deps",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=python3.11",
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=python3.11",
        "spark.executorEnv.PYSPARK_PYTHON=python3.11",
        "spark.dynamicAllocation.maxExecutors=3",
    ):
        assert f"--conf {configuration}" in text
    assert "emr-serverless.executorEnv" not in text


@pytest.mark.parametrize("parameters", [featurize_parameters(settings(), BATCH, 1), refit_parameters(settings(), "r")])
def test_spark_is_told_settings_and_nothing_else(parameters: dict[str, Any]) -> None:
    # Given the words as who splits the parameters at their spaces has them
    words = submitted(parameters)["sparkSubmitParameters"].split(" ")
    # Then each setting is one word
    assert set(words[::2]) == {"--conf"}
    assert all("=" in word and not word.startswith("-") for word in words[1::2])


def test_the_parameters_are_what_aws_accepts(emr: Stubber) -> None:
    parameters = featurize_parameters(settings(LOG_GROUP_NAME="/pomona/jobs"), BATCH, 1)
    answer = {"applicationId": "app-1", "jobRunId": "run", "arn": ARN}
    emr.add_response("start_job_run", answer, {**parameters, "clientToken": f"{BATCH}.1"})

    assert runs(emr).start(parameters, f"{BATCH}.1") == "run"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ValidationException", 400, RunRefusedError),
        ("ResourceNotFoundException", 404, RunRefusedError),
        ("ConflictException", 409, TransientError),
        ("ThrottlingException", 400, TransientError),
        ("InternalServerException", 500, TransientError),
        ("AccessDeniedException", 403, ClientError),
    ],
)
def test_a_failed_start_is_sorted_by_what_to_do(emr: Stubber, code: str, status: int, error: type) -> None:
    emr.add_client_error("start_job_run", code, http_status_code=status)

    with pytest.raises(error):
        runs(emr).start(featurize_parameters(settings(), BATCH, 1), "token")


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        *((state, Phase.RUNNING) for state in ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")),
        ("SUCCESS", Phase.SUCCEEDED),
        ("FAILED", Phase.FAILED),
        ("CANCELLED", Phase.FAILED),
    ],
)
def test_a_state_is_running_succeeded_or_failed(emr: Stubber, state: str, phase: Phase) -> None:
    emr.add_response("get_job_run", {"jobRun": job_run(state)}, {"applicationId": "app", "jobRunId": "run"})

    found = runs(emr).state("app", "run")

    assert found.phase is phase
    assert "because" in found.details


def test_a_run_that_no_longer_exists_has_failed(emr: Stubber) -> None:
    emr.add_client_error("get_job_run", "ResourceNotFoundException", http_status_code=404)

    assert runs(emr).state("app", "run").phase is Phase.FAILED


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 429), ("InternalServerException", 500)])
def test_a_question_that_is_not_answered_says_nothing(emr: Stubber, code: str, status: int) -> None:
    emr.add_client_error("get_job_run", code, http_status_code=status)

    with pytest.raises(TransientError):
        runs(emr).state("app", "run")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseParserError("invalid XML received. Further retries may succeed"),
    ],
)
def test_whatever_passes_by_itself_is_transient(error: Exception) -> None:
    with pytest.raises(TransientError, match="asking"), transient_errors("asking"):
        raise error


def test_a_run_is_found_by_its_name_on_any_page(emr: Stubber) -> None:
    asked = {"applicationId": "app", "createdAtAfter": ANY}
    emr.add_response("list_job_runs", {"jobRuns": [summary("other", "1")], "nextToken": "more"}, asked)
    emr.add_response("list_job_runs", {"jobRuns": [summary("mine", "2")]}, {**asked, "nextToken": "more"})

    assert runs(emr).find("app", "mine", SINCE) == "2"


def test_runs_of_a_prefix_come_from_every_page_the_newest_first(emr: Stubber) -> None:
    later = {"createdAt": SINCE + timedelta(hours=1)}
    emr.add_response("list_job_runs", {"jobRuns": [summary("refit-1", "1"), summary("x", "2")], "nextToken": "more"})
    emr.add_response("list_job_runs", {"jobRuns": [{**summary("refit-2", "3"), **later}]})

    found = runs(emr).named("app", "refit-", SINCE)

    assert [(run.name, run.run_id, run.phase, run.state) for run in found] == [
        ("refit-2", "3", Phase.RUNNING, "RUNNING"),
        ("refit-1", "1", Phase.RUNNING, "RUNNING"),
    ]


def test_an_application_that_no_longer_exists_has_no_runs(emr: Stubber) -> None:
    emr.add_client_error("list_job_runs", "ResourceNotFoundException", http_status_code=404)

    assert runs(emr).named("app", "refit-", SINCE) == []


def test_a_run_that_was_never_started_is_not_found(emr: Stubber) -> None:
    emr.add_response("list_job_runs", {"jobRuns": [summary("other", "1")]})

    assert runs(emr).find("app", "mine", SINCE) is None


def summary(name: str, run_id: str) -> dict[str, Any]:
    return {**_common("RUNNING"), "id": run_id, "name": name}


def job_run(state: str) -> dict[str, Any]:
    driver = {"sparkSubmit": {"entryPoint": "s3://lake/featurize.py"}}
    return {**_common(state), "jobRunId": "run", "jobDriver": driver}


def _common(state: str) -> dict[str, Any]:
    return {
        "applicationId": "app",
        "arn": ARN,
        "createdBy": ROLE,
        "createdAt": SINCE,
        "updatedAt": SINCE,
        "executionRole": ROLE,
        "state": state,
        "stateDetails": "because",
        "releaseLabel": "emr-spark-8.1.0",
    }
