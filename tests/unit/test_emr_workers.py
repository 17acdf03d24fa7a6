"""What EMR Serverless makes of a run's Spark properties; `workers.py` names the sources."""

import math

import pytest

from embedded_aws.emr_serverless.workers import Capacity, UnsupportedRunError, demand


def test_a_run_without_properties_has_the_service_s_defaults() -> None:
    asked = demand({})
    # 14 GB of heap and ten percent of overhead, rounded up to whole gigabytes
    assert asked.driver == asked.executor == Capacity(vcpus=4, memory_gb=16, storage_gb=20)
    assert (asked.executors_at_start, asked.executors_at_most) == (3, math.inf)
    assert asked.at_start.vcpus == 16  # the whole quota of a new account


def test_instances_do_not_change_what_dynamic_allocation_starts_with() -> None:
    assert demand({"spark.executor.instances": "1"}).executors_at_start == 3


def test_without_dynamic_allocation_the_instances_are_what_there_is() -> None:
    asked = demand({"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": "2"})
    assert (asked.executors_at_start, asked.executors_at_most) == (2, 2)


@pytest.mark.parametrize("most", ["1", "2"])
def test_a_bound_below_the_default_start_is_refused_in_aws_s_words(most: str) -> None:
    with pytest.raises(UnsupportedRunError) as refusal:
        demand({"spark.dynamicAllocation.minExecutors": "1", "spark.dynamicAllocation.maxExecutors": most})
    assert str(refusal.value) == (
        "Maximum value of spark.dynamicAllocation.initialExecutors: 3 must be between "
        f"spark.dynamicAllocation.minExecutor 1 and spark.dynamicAllocation.maxExecutors {most}."
    )


@pytest.mark.parametrize(("initial", "least", "most"), [("1", "2", "3"), ("4", "0", "3"), ("0", "1", "1")])
def test_a_start_outside_its_bounds_is_refused(initial: str, least: str, most: str) -> None:
    names = ("initialExecutors", "minExecutors", "maxExecutors")
    confs = {
        f"spark.dynamicAllocation.{name}": value for name, value in zip(names, (initial, least, most), strict=True)
    }
    with pytest.raises(UnsupportedRunError, match="must be between"):
        demand(confs)


def test_a_run_takes_its_driver_and_its_executors() -> None:
    confs = {"spark.dynamicAllocation.initialExecutors": "1", "spark.dynamicAllocation.maxExecutors": "5"}
    for part in ("driver", "executor"):
        confs |= {f"spark.{part}.cores": "2", f"spark.{part}.memory": "4g", f"spark.{part}.memoryOverhead": "4g"}
    asked = demand(confs)
    assert asked.at_start == Capacity(vcpus=4, memory_gb=16, storage_gb=40)
    assert asked.at_most == Capacity(vcpus=12, memory_gb=48, storage_gb=120)


@pytest.mark.parametrize(
    ("cores", "memory", "overhead", "gigabytes"),
    [
        ("1", "2g", "0m", 2),
        ("1", "1664m", None, 2),  # 384 MB at least: 2 GB
        ("2", "4g", None, 5),
        ("4", "27g", None, 30),  # aws-emr-utilities #96: 27 GB fit a worker of 30
        ("8", "15g", None, 20),  # steps of 4 GB
        ("16", "100g", None, 112),  # steps of 8 GB
    ],
)
def test_memory_and_overhead_make_the_next_worker_up(
    cores: str, memory: str, overhead: str | None, gigabytes: int
) -> None:
    confs = {"spark.executor.cores": cores, "spark.executor.memory": memory}
    if overhead:
        confs["spark.executor.memoryOverhead"] = overhead
    assert demand(confs).executor.memory_gb == gigabytes


@pytest.mark.parametrize(
    ("cores", "memory", "sentence"),
    [
        ("3", "4g", "spark.driver.cores is 3; a worker has 1, 2, 4, 8 or 16 vCPUs"),
        ("32", "4g", "spark.driver.cores is 32"),
        ("4", "28g", "are 30.8 GB; a worker of 4 vCPU has 8 to 30 GB"),  # aws-emr-utilities #96
        ("2", "3g", "are 3.375 GB; a worker of 2 vCPU has 4 to 16 GB"),
        ("2", "much", "'much' is not an amount of memory"),
    ],
)
def test_a_worker_of_a_size_that_there_is_not_is_named(cores: str, memory: str, sentence: str) -> None:
    with pytest.raises(UnsupportedRunError, match=sentence):
        demand({"spark.driver.cores": cores, "spark.driver.memory": memory})
