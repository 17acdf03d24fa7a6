"""What StartJobRun is given, and what EMR Serverless's answers mean."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from botocore.stub import ANY, Stubber
from hypothesis import example, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from benchmarks.places import ROOT
from benchmarks.template import parameter_defaults, template_settings
from embedded_aws.cloudformation.templates import parse_template
from embedded_aws.emr_serverless.scheduler import maximum_capacity
from embedded_aws.emr_serverless.workers import demand_of
from featurize_job import parse_arguments
from pomona_contract.workers import WORKER_VCPUS
from pomona_intake.errors import RunRefusedError, TransientError, transient_errors
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.parameters import (
    executors_at_most,
    executors_at_start,
    featurize_parameters,
    refit_parameters,
)
from pomona_intake.runs.run_states import Phase
from tests.model.world import settings

SINCE = datetime(2026, 11, 21, 8, tzinfo=UTC)
ARN = "arn:aws:emr-serverless:eu-west-3:123456789012:/applications/app/jobruns/run"
ROLE = "arn:aws:iam::123456789012:role/pomona"
TEMPLATE = parse_template((ROOT / "template.yaml").read_text())
BATCH = "20261121T080000000Z-0a1b2c3d"


@pytest.fixture
def emr() -> Iterator[Stubber]:
    client = boto3.client("emr-serverless", region_name="eu-west-3", aws_access_key_id="a", aws_secret_access_key="s")
    with Stubber(client) as stubber:
        yield stubber


def runs(emr: Stubber) -> EmrClient:
    return EmrClient(emr.client)


def submitted(parameters: dict[str, Any]) -> dict[str, Any]:
    return parameters["jobDriver"]["sparkSubmit"]


def test_featurize_is_told_its_batch_and_attempt_as_separate_arguments() -> None:
    parameters = featurize_parameters(settings(IGNORED_NAMES="._*,Thumbs.db"), BATCH, 2, keys=10, careful=True)

    assert parameters["name"] == f"featurize-{BATCH}-2"
    assert submitted(parameters)["entryPoint"] == "s3://lake/jobs/0123456789ab/featurize_job.py"
    assert submitted(parameters)["entryPointArguments"] == (
        f"--lake-bucket lake --images-bucket {settings().images_bucket} --database pomona --table features "
        "--backbone fruitnet "
        f"--batch-id {BATCH} --attempt 2 --max-image-bytes 67108864 --max-image-pixels 100000000 "
        "--max-decoded-bytes 536870912 --max-jpeg-scans 100 --snapshot-days 7 --refit-timeout-minutes 240 "
        "--ignored-names ._%2A,Thumbs.db --timeout-minutes 60 --careful yes"
    ).split(" ")


@settings_of_hypothesis(derandomize=True, database=None)
@given(st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1), min_size=1))
@example([".DS_Store", "._*", "*_$folder$", "~$*", "red flower.jpg", "`x`", "-x", "--help"])
@example(["-x"])
def test_the_names_that_are_ignored_reach_the_job_as_they_are_and_mean_nothing_to_a_shell(names: list[str]) -> None:
    parameters = featurize_parameters(replace(settings(), ignored_names=tuple(names)), BATCH, 1, keys=10)
    told = submitted(parameters)["entryPointArguments"]

    assert parse_arguments(told).ignored_names == tuple(names)
    assert all(shlex.quote(word) == word for word in told)


def test_no_ignored_names_are_no_argument() -> None:
    told = submitted(featurize_parameters(settings(IGNORED_NAMES=""), BATCH, 1, keys=10))["entryPointArguments"]
    assert "--ignored-names" not in told
    assert parse_arguments(told).ignored_names == ()


def test_refit_is_told_its_components() -> None:
    parameters = refit_parameters(settings(COMPONENTS="0.95"), "refit-1")

    assert submitted(parameters)["entryPoint"] == "s3://lake/jobs/0123456789ab/refit_job.py"
    assert " ".join(submitted(parameters)["entryPointArguments"]) == (
        "--lake-bucket lake --database pomona --table features --backbone fruitnet --components 0.95 --processes 2"
    )


def test_each_job_has_a_timeout_of_its_own() -> None:
    limits = settings(RUN_TIMEOUT_MINUTES="30", REFIT_TIMEOUT_MINUTES="300")

    featurize, refit = featurize_parameters(limits, BATCH, 1, keys=1), refit_parameters(limits, "refit-1")

    assert (featurize["executionTimeoutMinutes"], refit["executionTimeoutMinutes"]) == (30, 300)
    assert " --timeout-minutes 30 " in " ".join(submitted(featurize)["entryPointArguments"])


def test_spark_gets_the_archives_the_interpreter_and_a_ceiling() -> None:
    text = submitted(featurize_parameters(settings(MAX_EXECUTORS="3"), BATCH, 2, keys=10_000, careful=True))[
        "sparkSubmitParameters"
    ]

    for configuration in (
        "spark.archives=s3://lake/jobs/0123456789ab/job.tar.gz#job,s3://lake/jobs/0123456789ab/deps.tar.gz#deps",
        "spark.emr-serverless.driverEnv.PYTHONPATH=./job:./deps",
        "spark.executorEnv.PYTHONPATH=./job:./deps",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=python3.11",
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=python3.11",
        "spark.executorEnv.PYSPARK_PYTHON=python3.11",
        "spark.dynamicAllocation.enabled=true",
        "spark.dynamicAllocation.initialExecutors=1",
        "spark.dynamicAllocation.minExecutors=1",
        "spark.dynamicAllocation.maxExecutors=3",
    ):
        assert f"--conf {configuration}" in text
    assert "emr-serverless.executorEnv" not in text


def test_some_thousand_keys_need_no_executors_unless_a_run_of_them_has_failed() -> None:
    cases = [(1, False, 0), (20_000, False, 0), (20_001, False, 2), (10, True, 1), (20_001, True, 2), (0, False, 1)]
    for keys, careful, executors in cases:
        submit = submitted(featurize_parameters(settings(), BATCH, 2, keys=keys, careful=careful))
        assert parse_arguments(submit["entryPointArguments"]).careful == careful
        # Then the driver has processes of its own, or executors from the start
        assert ("--processes" in submit["entryPointArguments"]) == (executors == 0)
        demand = demand_of(submit["sparkSubmitParameters"])
        assert demand.executors_at_start == executors
        # And it can have executors if it turns out to need them
        assert demand.executors_at_most == 3


def test_a_large_network_has_executors_for_fewer_keys() -> None:
    for backbone, keys, alone in [("vgg16", 400, True), ("vgg16", 401, False), ("mobilenet_v2", 20_000, True)]:
        submit = submitted(featurize_parameters(settings(BACKBONE_NAME=backbone), BATCH, 1, keys=keys))
        assert ("--processes" in submit["entryPointArguments"]) == alone


@pytest.mark.parametrize(
    ("keys", "at_most", "expected"),
    [
        (0, 3, 1),  # a request for maintenance has no keys
        (10, 3, 1),
        (19_999, 3, 1),
        (20_000, 3, 2),
        (100_000, 3, 3),
        (100_000, 1, 1),
        (1_000_000, 100, 100),
        (250_000, 100, 25),
    ],
)
def test_each_executor_at_the_start_has_a_minute_of_work(keys: int, at_most: int, expected: int) -> None:
    assert executors_at_start(keys, at_most) == expected


@given(st.integers(1, 100), st.integers(8, 1000))
def test_two_runs_at_their_largest_fit_the_application(max_executors: int, max_vcpus: int) -> None:
    at_most = executors_at_most(max_executors, max_vcpus)
    assert 1 <= at_most <= max_executors
    assert 2 * (1 + at_most) * WORKER_VCPUS <= max_vcpus
    # and no vCPU is left over that another executor of both would fit in
    assert at_most == max_executors or 2 * (2 + at_most) * WORKER_VCPUS > max_vcpus


@pytest.mark.parametrize(("max_executors", "max_vcpus"), [(1, 8), (3, 16), (10, 44), (100, 404)])  # docs/on-aws.md
def test_the_documented_capacity_is_just_enough(max_executors: int, max_vcpus: int) -> None:
    assert executors_at_most(max_executors, max_vcpus) == max_executors
    assert executors_at_most(max_executors, max_vcpus - 1) < max_executors


def test_featurize_and_refit_fit_a_new_account_with_the_template_s_defaults() -> None:
    # Given what a deployment with nothing but defaults sends (Amazon EMR quotas: 16 concurrent vCPUs a new account)
    deployed = template_settings()
    largest = deployed.max_keys_per_run
    runs = featurize_parameters(deployed, BATCH, 1, largest), refit_parameters(deployed, "refit-1")
    # When both runs have grown to their largest
    both = [demand_of(submitted(run)["sparkSubmitParameters"]).at_most for run in runs]
    # Then they fit the account and the application
    defaults = parameter_defaults()
    assert sum(one.vcpus for one in both) <= min(16, int(defaults["MaxVcpus"]))
    # and each has all of the executors that MaxExecutors names
    assert {one.vcpus for one in both} == {(1 + int(defaults["MaxExecutors"])) * WORKER_VCPUS}


@given(st.integers(8, 1000))
def test_the_application_has_memory_and_disk_for_its_vcpus(max_vcpus: int) -> None:
    # Given the template's MaximumCapacity
    capacity = TEMPLATE["Resources"]["Application"]["Properties"]["MaximumCapacity"]
    filled = {name.lower(): one["Fn::Sub"].replace("${MaxVcpus}", str(max_vcpus)) for name, one in capacity.items()}
    # When its vCPUs are all used by the workers that the runs ask for
    worker = demand_of(submitted(refit_parameters(settings(), "refit-1"))["sparkSubmitParameters"]).executor
    # Then neither memory nor disk is used up before
    assert (worker * (max_vcpus // WORKER_VCPUS)).fits(maximum_capacity(filled))


@pytest.mark.parametrize(
    "parameters", [featurize_parameters(settings(), BATCH, 1, 10), refit_parameters(settings(), "r")]
)
def test_spark_is_told_settings_and_nothing_else(parameters: dict[str, Any]) -> None:
    # Given the words as who splits the parameters at their spaces has them
    words = submitted(parameters)["sparkSubmitParameters"].split(" ")
    # Then each setting is one word
    assert set(words[::2]) == {"--conf"}
    assert all("=" in word and not word.startswith("-") for word in words[1::2])


def test_the_parameters_are_what_aws_accepts(emr: Stubber) -> None:
    parameters = featurize_parameters(settings(LOG_GROUP_NAME="/pomona/jobs"), BATCH, 1, keys=10)
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
        runs(emr).start(featurize_parameters(settings(), BATCH, 1, keys=10), "token")


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
    driver = {"sparkSubmit": {"entryPoint": "s3://lake/featurize_job.py"}}
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
