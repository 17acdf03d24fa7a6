"""EMR Serverless in the embedded AWS, without Spark: which runs start, wait or fail at once, and what is billed.

The sources are named in embedded_aws/emr_serverless/workers.py and embedded_aws/emr_serverless/scheduler.py.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.emr_serverless.backend import EmrBackend
from embedded_aws.emr_serverless.job_runs import FINAL_STATES, RunResult
from embedded_aws.moto_internals.emr_serverless import ValidationException
from pomona_intake.runs.parameters import featurize_parameters, refit_parameters
from tests.model.world import settings

REGION = "eu-west-3"
NO_ROOM = "ApplicationMaxCapacityExceededException"
SMALL = (
    "--conf spark.driver.cores=2 --conf spark.driver.memory=4g "
    "--conf spark.executor.cores=2 --conf spark.executor.memory=4g "
    "--conf spark.dynamicAllocation.initialExecutors=1"
)


class Runner:
    """Runs that end when they are told to."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def run(self, job_run: Any) -> RunResult:
        self.may_end.wait(10)
        return RunResult("SUCCESS", "")

    def cancel(self, job_run_id: str) -> None:
        self.may_end.set()


class Service:
    """The backend, asked as StartJobRun and CreateApplication ask it."""

    def __init__(self) -> None:
        self.runner = Runner()
        self.events: list[tuple[str, str]] = []
        self.backend = EmrBackend(REGION, ACCOUNT_ID)
        self.backend.runner, self.backend.save = self.runner, lambda *_: None
        self.backend.publish = lambda _region, _source, _type, detail: self.events.append(
            (detail["jobRunId"], detail["state"])
        )

    def application(self, capacity: dict[str, str] | None = None, **scheduler: int) -> str:
        options = dict.fromkeys(("initial_capacity", "tags", "auto_start_configuration", "auto_stop_configuration"))
        made = self.backend.create_application(
            "app",
            "emr-spark-8.1.0",
            "SPARK",
            f"token-{len(self.backend.applications)}",
            maximum_capacity=capacity,
            network_configuration=None,
            **options,
        )
        self.backend.configure(made.id, scheduler or None, None)
        return str(made.id)

    def start(self, application: str, token: str, parameters: str) -> Any:
        driver = {"sparkSubmit": {"entryPoint": "s3://lake/job.py", "sparkSubmitParameters": parameters}}
        options = dict.fromkeys(("configuration_overrides", "tags", "execution_timeout_minutes", "name"))
        role = "arn:aws:iam::123456789012:role/job"
        return self.backend.start_job_run(application, token, role, driver, **options)

    def states(self, run: Any) -> list[str]:
        return [state for run_id, state in self.events if run_id == run.id]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.runner.may_end.set()


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline, "not within five seconds"
        time.sleep(0.002)


def ended(run: Any) -> Any:
    until(lambda: run.state in FINAL_STATES)
    return run


def spark(parameters: dict[str, Any]) -> str:
    return str(parameters["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])


@pytest.mark.parametrize("vcpus", [8, 16, 1000])
@pytest.mark.parametrize("most", range(1, 101))
def test_every_value_of_max_executors_starts_both_jobs(service: Service, most: int, vcpus: int) -> None:
    # Given the product's own runs with MaxExecutors from 1 to 100
    service.runner.may_end.set()
    application = service.application({"cpu": f"{vcpus} vCPU", "memory": f"{vcpus}0 GB", "disk": f"{vcpus}0 GB"})
    given = settings(MAX_EXECUTORS=str(most), MAX_VCPUS=str(vcpus))
    # When they are started
    featurize = service.start(application, "featurize", spark(featurize_parameters(given, "batch", 1, keys=10)))
    refit = service.start(application, "refit", spark(refit_parameters(given, "refit-1")))
    # Then none is refused
    assert [(ended(run).state, run.state_details) for run in (featurize, refit)] == [("SUCCESS", "")] * 2


def test_a_run_whose_executors_contradict_each_other_fails_before_it_runs(service: Service) -> None:
    run = ended(service.start(service.application(), "one", "--conf spark.dynamicAllocation.maxExecutors=2"))
    assert run.state == "FAILED"
    assert "initialExecutors: 3 must be between" in run.state_details
    assert service.states(run) == ["SUBMITTED", "FAILED"]


def test_a_run_larger_than_its_application_or_than_a_new_account_fails_at_once(service: Service) -> None:
    small = service.application({"cpu": "2 vCPU", "memory": "100 GB"})
    assert NO_ROOM in ended(service.start(small, "one", SMALL)).state_details
    seven = SMALL.replace("initialExecutors=1", "initialExecutors=8")  # 2 + 8 * 2 of the account's 16
    assert NO_ROOM in ended(service.start(service.application(), "two", seven)).state_details


def test_a_run_that_finds_no_room_waits_as_scheduled(service: Service) -> None:
    # Given an application with room for one run of a driver and an executor
    application = service.application({"cpu": "6 vCPU", "memory": "100 GB"})
    first = service.start(application, "first", SMALL)
    until(lambda: first.state == "RUNNING")
    # When a second is started, it waits, and says for what
    second = service.start(application, "second", SMALL)
    until(lambda: second.state == "SCHEDULED" and NO_ROOM in second.state_details)
    # Then it runs when the first has ended
    service.runner.may_end.set()
    assert ended(second).state == "SUCCESS"
    assert "QUEUED" not in service.states(second)


def test_all_applications_share_the_vcpus_of_the_account(service: Service) -> None:
    # Given two applications whose runs have taken the 16 vCPUs of a new account
    eight = SMALL.replace("initialExecutors=1", "initialExecutors=3")
    first = [service.start(service.application(), "one", eight) for _ in range(2)]
    until(lambda: [run.state for run in first] == ["RUNNING", "RUNNING"])
    # When a third starts a run, then it waits until one of them has ended
    third = service.start(service.application(), "one", SMALL)
    until(lambda: third.state == "SCHEDULED" and NO_ROOM in third.state_details)
    service.runner.may_end.set()
    assert ended(third).state == "SUCCESS"


def test_the_memory_of_an_application_is_a_limit_too(service: Service) -> None:
    application = service.application({"cpu": "16 vCPU", "memory": "9 GB"})  # two workers of 5 GB
    assert NO_ROOM in ended(service.start(application, "one", SMALL)).state_details


def test_more_runs_than_may_run_at_once_are_queued(service: Service) -> None:
    application = service.application(maxConcurrentRuns=2, queueTimeoutMinutes=60)
    runs = [service.start(application, f"run-{number}", SMALL) for number in range(3)]
    until(lambda: sorted(run.state for run in runs) == ["QUEUED", "RUNNING", "RUNNING"])
    service.runner.may_end.set()
    assert [ended(run).state for run in runs] == ["SUCCESS"] * 3


def test_a_run_that_is_queued_too_long_fails(service: Service) -> None:
    application = service.application(maxConcurrentRuns=1, queueTimeoutMinutes=0)
    first = service.start(application, "first", SMALL)
    until(lambda: first.state == "RUNNING")
    assert "queueTimeoutMinutes" in ended(service.start(application, "second", SMALL)).state_details


@pytest.mark.parametrize(("runs", "capacity"), [(1, "16"), (2, "7")])  # waiting for a turn, and for workers
def test_a_run_that_waits_can_be_cancelled(service: Service, runs: int, capacity: str) -> None:
    application = service.application({"cpu": capacity, "memory": "64"}, maxConcurrentRuns=runs)
    first = service.start(application, "first", SMALL)
    until(lambda: first.state == "RUNNING")
    second = service.start(application, "second", SMALL)
    until(lambda: second.state == "QUEUED" or NO_ROOM in second.state_details)
    service.backend.cancel_job_run(application, second.id)
    until(lambda: second.state == "CANCELLED")
    assert "RUNNING" not in service.states(second)


def test_what_a_run_asked_for_at_its_start_is_billed_for_a_minute_at_least(service: Service) -> None:
    service.runner.may_end.set()
    defaults = ended(service.start(service.application(), "defaults", "--conf spark.app.name=x"))
    small = ended(service.start(service.application(), "small", SMALL))
    # four workers of 4 vCPU and 16 GB by default, two of 2 vCPU and 5 GB when they are asked for
    assert defaults.billed_resource_utilization == {"vCPUHour": 0.267, "memoryGBHour": 1.067, "storageGBHour": 0.0}
    assert small.billed_resource_utilization == {"vCPUHour": 0.067, "memoryGBHour": 0.167, "storageGBHour": 0.0}


def test_an_application_changes_only_when_nothing_runs(service: Service) -> None:
    # Given an application with a run (API reference, UpdateApplication: it must be CREATED or STOPPED)
    application = service.application()
    run = service.start(application, "one", SMALL)
    until(lambda: run.state == "RUNNING")
    nothing = dict.fromkeys(("initial_capacity", "auto_start_configuration", "auto_stop_configuration"))
    capacity = {"cpu": "8 vCPU", "memory": "32 GB"}
    change = {**nothing, "network_configuration": None, "maximum_capacity": capacity}
    with pytest.raises(ValidationException, match=r"\[STOPPED, CREATED\]"):
        service.backend.update_application(application, **change)
    # When the run has ended, then it may change
    service.runner.may_end.set()
    until(lambda: service.backend.applications[application].state == "STOPPED")
    assert service.backend.update_application(application, **change).maximum_capacity == capacity


def test_a_release_that_is_not_offered_is_refused(service: Service) -> None:
    application = service.application()
    with pytest.raises(ValidationException, match=r"emr-spark-9\.9\.0"):
        service.backend.configure(application, None, "emr-spark-9.9.0")
