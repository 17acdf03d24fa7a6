"""The refit's first pass over the table: co-moments, gathered by Spark's tasks and merged on the driver."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row

from pomona.comoments import CoMoments, merge_all
from pomona.feature_blocks import features_of, usable

PARTIAL_SCHEMA = "count bigint, left_out bigint, mean binary, scatter binary"
Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class Gathered:
    """The co-moments of all usable rows, and how many rows were left out as all zero or not finite."""

    moments: CoMoments
    left_out: int


def gather(featurized: DataFrame, width: int, parts: int) -> Gathered:
    """Read the column `features` (`width` floats a row) once, in at most `parts` tasks.

    A task takes its rows in blocks and keeps one CoMoments, 8 · width² bytes; the driver takes these from the
    executors' disks one at a time, in the order of their partitions. So memory does not grow with the number of rows,
    nor the driver's with the number of tasks, and the same snapshot on the same cluster gives the same bits.
    """
    partials = featurized.select("features").coalesce(parts).mapInArrow(_gather_partition(width), PARTIAL_SCHEMA)
    partials = partials.persist(StorageLevel.DISK_ONLY)
    try:
        left_out = sum(row.left_out for row in partials.select("left_out").collect())
        return Gathered(merge_all(map(_moments_of, partials.toLocalIterator()), width), left_out)
    finally:
        partials.unpersist()


def _gather_partition(width: int) -> Callable[[Batches], Batches]:
    def gather_partition(batches: Batches) -> Batches:
        moments, left_out = CoMoments.empty(width), 0
        for batch in batches:
            block = _usable_rows(batch, width)
            moments = moments.merge(CoMoments.of(block))
            left_out += batch.num_rows - len(block)
        yield _partial(moments, left_out)

    return gather_partition


def _usable_rows(batch: pa.RecordBatch, width: int) -> NDArray[np.float32]:
    features = features_of(batch, width)
    keep = usable(features)
    return features if keep.all() else features[keep]


def _partial(moments: CoMoments, left_out: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "count": [moments.count],
            "left_out": [left_out],
            "mean": [moments.mean.tobytes()],
            "scatter": [moments.scatter.tobytes()],
        }
    )


def _moments_of(partial: Row) -> CoMoments:
    mean = np.frombuffer(partial["mean"])
    return CoMoments(partial["count"], mean, np.frombuffer(partial["scatter"]).reshape(len(mean), len(mean)))
