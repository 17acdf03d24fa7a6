"""The refit's first pass over the table: what its rows are, and the co-moments of those that have features."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel

from pomona.pca.comoments import CoMoments
from pomona.refit.row_statistics import CENSUS_COLUMNS, Census, CensusTotal
from pomona.table.feature_blocks import features_of, featurized, usable
from pomona.table.scan import DataFile, distribute, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = [*CENSUS_COLUMNS, "features"]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the pass has found out about some rows."""

    census: Census
    moments: CoMoments
    """Of the rows with usable features of the backbone."""
    left_out: int = 0
    """Rows with features of the backbone that are all zero or not finite."""

    @classmethod
    def merge_all(cls, parts: Iterable["Gathered"], width: int) -> Self:
        """Return what was found out about all rows together. The parts are taken one at a time, in their order."""
        census, moments, left_out = CensusTotal(), CoMoments.empty(width), 0
        for part in parts:
            census.add(part.census)
            moments = moments.merge(part.moments)
            left_out += part.left_out
        return cls(census.census(), moments, left_out)


def gather(spark: "SparkSession", work: list[list[DataFile]], backbone: str, width: int) -> Gathered:
    """Read the files once, a task for each list of them; rows of `backbone` have `width` features.

    A task takes its rows in blocks and keeps one CoMoments, 8 · width² bytes; the driver takes these from the
    executors' disks one at a time, in their order. So memory does not grow with the number of rows, nor the driver's
    with the number of tasks, and the same snapshot on the same cluster gives the same bits.
    """
    partial = distribute(spark, work, _gatherer(backbone, width)).persist(StorageLevel.DISK_ONLY)
    try:
        partial.count()  # all at once: the iterator would run one task after the other
        return Gathered.merge_all(partial.toLocalIterator(), width)
    finally:
        partial.unpersist()


def _gatherer(backbone: str, width: int) -> Callable[[list[DataFile]], Gathered]:
    def gather_files(files: list[DataFile]) -> Gathered:
        found = (_of_batch(batch, backbone, width) for batch in rows_of(files, COLUMNS))
        return Gathered.merge_all(found, width)

    return gather_files


def _of_batch(batch: pa.RecordBatch, backbone: str, width: int) -> Gathered:
    features = features_of(featurized(batch, backbone), width)
    keep = usable(features)
    moments = CoMoments.of(features if keep.all() else features[keep])
    return Gathered(Census.of(batch, backbone), moments, int(np.count_nonzero(~keep)))
