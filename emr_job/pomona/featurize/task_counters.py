"""Lets Spark's workers hand the counters of their tasks to the driver."""

from typing import Any

from pyspark import AccumulatorParam

from pomona.featurize.counters import CountersByTask


class CountersParam(AccumulatorParam[Any]):
    """Lets Spark accumulate counters by the numbers of their tasks.

    Spark accumulates the counters of a task again when it repeats the task because the executor with its rows was lost
    (the DAGScheduler counts once only the tasks of a job's last stage). So a repetition's counters replace the first's.
    """

    def zero(self, value: CountersByTask) -> CountersByTask:  # noqa: ARG002 (Spark's signature)
        """Return no counters."""
        return {}

    def addInPlace(self, value1: CountersByTask, value2: CountersByTask) -> CountersByTask:  # noqa: N802 (Spark's name)
        """Put the counters of other tasks into the first argument, and return it."""
        value1.update(value2)
        return value1
