"""Spreads work over the cores of executors, or over those of the driver."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa

from pomona.processes import Processes
from pomona.table.kept_rows import kept_rows
from pomona.table.scan import DataFile, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TASKS_PER_SLOT = 4
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Read(Protocol):
    """How a task reads rows."""

    def __call__(
        self, files: Iterable[DataFile], columns: list[str], prepare: Callable[[pa.RecordBatch], _Made], /
    ) -> Iterator[_Made]:
        """Yield what `prepare` makes of each block of rows of the files. A block has these columns."""


class Workers(Protocol):
    """What carries out tasks."""

    @property
    def tasks(self) -> int:
        """Return into how many tasks work over the whole table is best split."""

    @property
    def read(self) -> Read:
        """Return how a task reads the rows of data files."""

    def results(self, work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
        """Yield `task`'s result for each item, in the order of the items."""


def _prepared_rows(
    files: Iterable[DataFile], columns: list[str], prepare: Callable[[pa.RecordBatch], _Made]
) -> Iterator[_Made]:
    return map(prepare, rows_of(files, columns))


class DriverProcesses:
    """Processes of the driver. Each gets the same rows in every pass, and keeps them."""

    read = staticmethod(kept_rows)

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    @property
    def tasks(self) -> int:
        """Return how many processes there are: each hands over its partial results once."""
        return self._processes.count

    def results(self, work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
        """Yield `task`'s result for each item, in the order of the items; all of them are in memory before.

        Raises:
            WorkFailedError: a process died, or raised an error.
        """
        yield from (made for _, made in sorted(self._processes.results(work, task), key=lambda numbered: numbered[0]))


class Executors:
    """Spark's executors."""

    read = staticmethod(_prepared_rows)

    def __init__(self, spark: "SparkSession") -> None:
        self._spark = spark

    @property
    def tasks(self) -> int:
        """Return some tasks for each core of the executors: more balance the load better.

        Each task has a partial result, of the first pass a FoldMoments.
        """
        from pomona.spark_session import task_slots

        return TASKS_PER_SLOT * task_slots(self._spark)

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
