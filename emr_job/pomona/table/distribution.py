"""Spreads work over Spark's tasks."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pyspark import StorageLevel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TASKS_PER_SLOT = 4
"""More would balance the load better; each task has a partial result of 8 · width² bytes."""
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def distribute(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Any:  # noqa: ANN401
    """Return an RDD of `task`'s results for the items, each in a Spark task of its own."""
    return spark.sparkContext.parallelize(work, max(len(work), 1)).map(task)


def distributed_results(spark: "SparkSession", work: list[_Item], task: Callable[[_Item], _Made]) -> Iterator[_Made]:
    """Yield `task`'s result for each item, in the order of the items.

    The tasks run at once and leave their results on the executors' disks. The driver holds one of them at a time, so
    its memory does not grow with their number, and the same snapshot on the same cluster gives the same bits.
    """
    results = distribute(spark, work, task).persist(StorageLevel.DISK_ONLY)
    try:
        results.count()  # runs all tasks at once: toLocalIterator would run one after the other
        yield from results.toLocalIterator()
    finally:
        results.unpersist()
