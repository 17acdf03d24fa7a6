"""One task of a featurize run: yields the rows that changed, and counts."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark import TaskContext

from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.key_featurizer import KeyFeaturizer
from pomona.s3.image_fetcher import KeyToFetch

if TYPE_CHECKING:
    from pyspark import Accumulator


class FeaturizeTask:
    """Featurizes the keys of one partition; Spark sends it to the workers."""

    def __init__(self, arguments: FeaturizeArguments, counters: "Accumulator[Any]") -> None:
        self._arguments = arguments
        self._counters = counters

    def __call__(self, number: int, dirty: Iterable[KeyToFetch]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield the changes (schema.CHANGES) with the task's `number`; accumulate its counters at the end."""
        is_careful = self._arguments.careful or _is_repetition()
        with closing(KeyFeaturizer(self._arguments, is_careful=is_careful)) as featurizer:
            for changes in featurizer.changes(iter(dirty)):
                yield number, changes
        self._counters.add({number: featurizer.counters})


def _is_repetition() -> bool:
    """Return True if Spark has started this task before: its worker died, most likely because of an image."""
    context = TaskContext.get()
    return context is not None and context.attemptNumber() > 0
