"""The workers that a Spark run requests from EMR Serverless: sizes and executors, with the service's defaults.

Sources, all of the EMR Serverless user guide unless said otherwise:
"Using Spark configurations when you run EMR Serverless jobs" (defaults), "Understanding application behavior"
(supported workers), release notes of 6.10.0 (no upper bound of executors), aws-samples/emr-serverless-samples #55
(three executors at the start), aws-samples/aws-emr-utilities #175 (the error message) and #96 (a run whose workers are
too large fails before the job starts).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from embedded_aws.emr_serverless.spark_platform import SparkSubmit

_CORES, _MEMORY, _EXECUTORS = "4", "14g", "3"
_OVERHEAD_FACTOR, _LEAST_OVERHEAD_MB = "0.1", 384
_STORAGE_GB = 20  # of each worker, included in its price
_UNITS_MB = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}


class UnsupportedRunError(Exception):
    """EMR Serverless does not start such a run; the message becomes its stateDetails."""


@dataclass(frozen=True)
class _Memory:
    """The memory sizes of a worker in gigabytes: from least to most, in steps."""

    least: int
    most: int
    step: int


_SUPPORTED = {
    1: _Memory(2, 8, 1),
    2: _Memory(4, 16, 1),
    4: _Memory(8, 30, 1),
    8: _Memory(16, 60, 4),
    16: _Memory(32, 120, 8),
}


@dataclass(frozen=True)
class Capacity:
    """An amount of vCPUs, memory and disk: of a worker, of a run, of an application."""

    vcpus: float = 0
    memory_gb: float = 0
    storage_gb: float = 0

    def __add__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.vcpus + other.vcpus, self.memory_gb + other.memory_gb, self.storage_gb + other.storage_gb)

    def __mul__(self, count: int) -> "Capacity":
        return Capacity(self.vcpus * count, self.memory_gb * count, self.storage_gb * count)

    def fits(self, limit: "Capacity") -> bool:
        """Return True if no amount is above the limit's."""
        return self.vcpus <= limit.vcpus and self.memory_gb <= limit.memory_gb and self.storage_gb <= limit.storage_gb


UNLIMITED = Capacity(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Demand:
    """The workers of one run."""

    driver: Capacity
    executor: Capacity
    executors_at_start: int
    executors_at_most: float
    """Infinite if the run sets no bound."""

    @property
    def at_start(self) -> Capacity:
        """Return what must be free for the run to start: its driver and its first executors."""
        return self.driver + self.executor * self.executors_at_start

    @property
    def at_most(self) -> Capacity:
        """Return what the run takes when dynamic allocation has grown to its bound."""
        if math.isinf(self.executors_at_most):
            return UNLIMITED
        return self.driver + self.executor * int(self.executors_at_most)


def demand_of(spark_submit_parameters: str) -> Demand:
    """Return the demand of a run with these `sparkSubmitParameters`; raises as `demand` does."""
    return demand(SparkSubmit.parse(spark_submit_parameters).confs)


def demand(confs: Mapping[str, str]) -> Demand:
    """Return the demand of a run with these Spark properties.

    Raises:
        UnsupportedRunError: a worker size that does not exist, or contradictory bounds.
    """
    at_start, at_most = _executors(confs)
    return Demand(_worker(confs, "driver"), _worker(confs, "executor"), at_start, at_most)


def _executors(confs: Mapping[str, str]) -> tuple[int, float]:
    """(at the start, at most); spark.executor.instances counts only without dynamic allocation."""
    if confs.get("spark.dynamicAllocation.enabled", "true").lower() != "true":
        fixed = int(confs.get("spark.executor.instances", _EXECUTORS))
        return fixed, fixed
    initial = int(confs.get("spark.dynamicAllocation.initialExecutors", _EXECUTORS))
    least = int(confs.get("spark.dynamicAllocation.minExecutors", "0"))
    most = float(confs.get("spark.dynamicAllocation.maxExecutors", "inf"))
    if not least <= initial <= most:
        raise UnsupportedRunError(
            f"Maximum value of spark.dynamicAllocation.initialExecutors: {initial} must be between "
            f"spark.dynamicAllocation.minExecutor {least} and spark.dynamicAllocation.maxExecutors {most:g}."
        )
    return initial, most


def _worker(confs: Mapping[str, str], part: str) -> Capacity:
    cores = int(confs.get(f"spark.{part}.cores", _CORES))
    supported = _SUPPORTED.get(cores)
    if supported is None:
        raise UnsupportedRunError(f"spark.{part}.cores is {cores}; a worker has 1, 2, 4, 8 or 16 vCPUs")
    asked_gb = _memory_mb(confs, part) / 1024
    if not supported.least <= asked_gb <= supported.most:
        raise UnsupportedRunError(
            f"spark.{part}.memory and its memoryOverhead are {asked_gb:.4g} GB; a worker of {cores} vCPU has "
            f"{supported.least} to {supported.most} GB"
        )
    return Capacity(cores, math.ceil(asked_gb / supported.step) * supported.step, _STORAGE_GB)


def _memory_mb(confs: Mapping[str, str], part: str) -> float:
    heap = _megabytes(confs.get(f"spark.{part}.memory", _MEMORY))
    if overhead := confs.get(f"spark.{part}.memoryOverhead"):
        return heap + _megabytes(overhead)
    factor = float(confs.get(f"spark.{part}.memoryOverheadFactor", _OVERHEAD_FACTOR))
    return heap + max(heap * factor, _LEAST_OVERHEAD_MB)


def _megabytes(size: str) -> float:
    """Spark's sizes: a number alone is in MiB."""
    found = re.fullmatch(r"(\d+)([kmgt]?)b?", size.strip().lower())
    if found is None:
        raise UnsupportedRunError(f"{size!r} is not an amount of memory, such as 4g")
    return int(found[1]) * _UNITS_MB[found[2] or "m"]
