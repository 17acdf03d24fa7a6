"""Spreads work over the cores of executors, or over those of the driver."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pomona.processes import Processes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TASKS_PER_SLOT = 4
"""More would balance the load better; each task has a partial result of 8 · width² bytes."""
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Workers(Protocol):
    """What carries out tasks."""

    @property
    def slots(self) -> int:
        """Return how many tasks are carried out at once."""

    def results(self, work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
        """Yield `task`'s result for each item, in the order of the items."""


class DriverProcesses:
    """Processes of the driver."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    @property
    def slots(self) -> int:
        """Return how many tasks are carried out at once."""
        return self._processes.count

    def results(self, work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
        """Yield `task`'s result for each item, in the order of the items; all of them are in memory before.

        Raises:
            WorkFailedError: a process died, or raised an error.
        """
        yield from (made for _, made in sorted(self._processes.results(work, task), key=lambda numbered: numbered[0]))


class Executors:
    """Spark's executors."""

    def __init__(self, spark: "SparkSession") -> None:
        self._spark = spark

    @property
    def slots(self) -> int:
        """Return how many tasks run at once when the platform has started as many executors as it may."""
        from pomona.spark_session import task_slots

        return task_slots(self._spark)

    def results(self, work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
        """Yield `task`'s result for each item, in the order of the items.

        The tasks run at once and leave their results on the executors' disks. The driver holds one of them at a time,
        so its memory does not grow with their number, and the same snapshot on the same cluster gives the same bits.
        """
        from pyspark import StorageLevel

        shared = self._spark.sparkContext.broadcast(task)  # once to each executor, however large it is
        results = distribute(self._spark, work, lambda item: shared.value(item)).persist(StorageLevel.DISK_ONLY)
        try:
            results.count()  # runs all tasks at once: toLocalIterator would run one after the other
            yield from results.toLocalIterator()
        finally:
            results.unpersist()
            shared.unpersist()


def distribute(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Any:  # noqa: ANN401
    """Return an RDD of `task`'s results for the items, each in a Spark task of its own."""
    return spark.sparkContext.parallelize(work, max(len(work), 1)).map(task)
