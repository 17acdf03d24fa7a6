"""The refit's first pass over the features: co-moments and class sums by fold, and a sample of the rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pomona.classifier.class_moments import FoldMoments, FoldMomentsBuilder
from pomona.classifier.classes import Classes
from pomona.classifier.folds import Folds, stable_hash
from pomona.classifier.selection import SAMPLED_ROWS, SampledRows
from pomona.table.distribution import Read, Workers
from pomona.table.feature_blocks import usable_features
from pomona.table.scan import DataFile

COLUMNS = ["key", "bucket", "label", "etag", "backbone", "features"]
"""What both passes read, so that the second can take what the first has kept."""
SURPLUS = 1.2
"""How many times SAMPLED_ROWS the tasks bring back together, so that there are enough whatever the hashes are."""


@dataclass(frozen=True)
class Assignment:
    """To which class and fold an image belongs, and whether it is in the sample.

    sampled_share  of all rows, by the hash of the key: the same rows at each refit
    """

    classes: Classes
    folds: Folds
    sampled_share: float

    @classmethod
    def of(cls, classes: Classes, folds: Folds, rows: int) -> Self:
        """Return the assignment for a table with so many rows that have features of the backbone."""
        return cls(classes, folds, min(SURPLUS * SAMPLED_ROWS / max(rows, 1), 1.0))

    def codes_and_folds(self, batch: pa.RecordBatch) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Return the numbers of the classes [n] and the folds [n] of rows that have COLUMNS."""
        labels, keys = batch["label"].to_pylist(), batch["key"].to_pylist()
        return self.classes.codes(labels), self.folds.of_rows(labels, keys, batch["etag"].to_pylist())


@dataclass
class _Sample:
    """Rows with the hashes of their keys, as the tasks bring them back."""

    hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    rows: list[SampledRows] = field(default_factory=list)

    def add(self, hashes: NDArray[np.uint64], rows: SampledRows) -> None:
        self.hashes.append(hashes)
        self.rows.append(rows)

    def merge(self, other: "_Sample") -> None:
        self.hashes += other.hashes
        self.rows += other.rows

    def chosen(self, width: int) -> SampledRows:
        """Return the SAMPLED_ROWS rows with the smallest hashes."""
        rows = SampledRows.concatenated(self.rows, width)
        hashes = np.concatenate([*self.hashes, np.empty(0, np.uint64)])
        return rows.taken(np.argsort(hashes, kind="stable")[:SAMPLED_ROWS])


@dataclass(frozen=True, eq=False)
class FirstPassResult:
    """What the first pass found.

    moments   of the rows with usable features of the backbone
    sample    of these rows
    left_out  number of rows with features of the backbone that are all zero or not finite
    """

    moments: FoldMoments
    sample: SampledRows
    left_out: int


@dataclass
class _Part:
    moments: FoldMoments
    sample: _Sample
    left_out: int


def run_first_pass(
    workers: Workers, work: list[list[DataFile]], backbone: str, width: int, assignment: Assignment
) -> FirstPassResult:
    """Read the files once, in one task for each list of them.

    A task keeps FoldMoments of its rows.

    Args:
        workers: carry out the tasks.
        work: the data files of the snapshot, by task.
        backbone: label of the backbone whose features count.
        width: number of its features.
        assignment: of the rows to classes and folds.
    """
    moments, sample, left_out = FoldMoments.empty(width), _Sample(), 0
    for part in workers.results(work, partial(_read_files, backbone, width, assignment, workers.read)):
        moments = moments.merge(part.moments)
        sample.merge(part.sample)
        left_out += part.left_out
    return FirstPassResult(moments, sample.chosen(width), left_out)


def _read_files(backbone: str, width: int, assignment: Assignment, read: Read, files: Iterable[DataFile]) -> _Part:
    builder, sample, left_out = FoldMomentsBuilder(width), _Sample(), 0
    for batch in read(files, COLUMNS):
        current, features, unusable = usable_features(batch, backbone, width)
        left_out += unusable
        codes, folds = assignment.codes_and_folds(current)
        builder.add(features, folds, codes)
        _take_sample(sample, current, SampledRows(features, folds, codes), assignment.sampled_share)
    return _Part(builder.finish(), sample, left_out)


def _take_sample(sample: _Sample, batch: pa.RecordBatch, rows: SampledRows, share: float) -> None:
    hashes = np.fromiter((stable_hash(key) for key in batch["key"].to_pylist()), np.uint64, batch.num_rows)
    chosen = np.flatnonzero(hashes < share * 2.0**64)
    sample.add(hashes[chosen], rows.taken(chosen))
