"""The refit's first pass over the table: statistics of its rows, and the co-moments of those that have features."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel

from pomona.pca.comoments import CoMoments
from pomona.refit.row_statistics import STATISTICS_COLUMNS, RowStatistics, RowStatisticsTotal
from pomona.table.feature_blocks import feature_matrix, rows_with_features, usable_rows
from pomona.table.scan import DataFile, distribute, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = [*STATISTICS_COLUMNS, "features"]


@dataclass(frozen=True, eq=False)
class FirstPassResult:
    """What the first pass found in some rows."""

    statistics: RowStatistics
    moments: CoMoments
    """Of the rows with usable features of the backbone."""
    left_out: int = 0
    """Number of rows with features of the backbone that are all zero or not finite."""

    @classmethod
    def merge_all(cls, parts: Iterable["FirstPassResult"], width: int) -> Self:
        """Return the result for the rows of all parts, which are taken one at a time, in their order."""
        statistics, moments, left_out = RowStatisticsTotal(), CoMoments.empty(width), 0
        for part in parts:
            statistics.add(part.statistics)
            moments = moments.merge(part.moments)
            left_out += part.left_out
        return cls(statistics.result(), moments, left_out)


def run_first_pass(spark: "SparkSession", work: list[list[DataFile]], backbone: str, width: int) -> FirstPassResult:
    """Read the files once, in one task for each list of them.

    A task reads its rows in blocks and keeps one CoMoments, 8 · width² bytes. The driver merges them one at a time, in
    their order, from the executors' disks. So memory grows neither with the number of rows nor, on the driver, with the
    number of tasks, and the same snapshot on the same cluster gives the same bits.

    Args:
        spark: the session.
        work: the data files of the snapshot, by task.
        backbone: label of the backbone whose features count.
        width: number of its features.
    """
    partial = distribute(spark, work, _reader(backbone, width)).persist(StorageLevel.DISK_ONLY)
    try:
        partial.count()  # runs all tasks at once: toLocalIterator would run one after the other
        return FirstPassResult.merge_all(partial.toLocalIterator(), width)
    finally:
        partial.unpersist()


def _reader(backbone: str, width: int) -> Callable[[list[DataFile]], FirstPassResult]:
    def read_files(files: list[DataFile]) -> FirstPassResult:
        parts = (_result_of(batch, backbone, width) for batch in rows_of(files, COLUMNS))
        return FirstPassResult.merge_all(parts, width)

    return read_files


def _result_of(batch: pa.RecordBatch, backbone: str, width: int) -> FirstPassResult:
    features = feature_matrix(rows_with_features(batch, backbone), width)
    keep = usable_rows(features)
    moments = CoMoments.of(features if keep.all() else features[keep])
    return FirstPassResult(RowStatistics.of(batch, backbone), moments, int(np.count_nonzero(~keep)))
