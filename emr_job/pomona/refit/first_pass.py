"""The refit's first pass over the features: co-moments and class sums by fold, and a sample of the rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.class_moments import FoldMoments, FoldMomentsBuilder
from pomona.classifier.folds import stable_hash
from pomona.classifier.selection import SAMPLED_ROWS, SampledRows
from pomona.refit.assigned_rows import AssignedRows, RowReader
from pomona.table.distribution import Workers
from pomona.table.scan import DataFile


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


def run_first_pass(workers: Workers, work: list[list[DataFile]], reader: RowReader) -> FirstPassResult:
    """Read the files once, in one task for each list of them.

    A task keeps FoldMoments of its rows.
    """
    moments, sample, left_out = FoldMoments.empty(reader.width), _Sample(), 0
    for part in workers.results(work, partial(_read_files, reader)):
        moments = moments.merge(part.moments)
        sample.merge(part.sample)
        left_out += part.left_out
    return FirstPassResult(moments, sample.chosen(reader.width), left_out)


def _read_files(reader: RowReader, files: Iterable[DataFile]) -> _Part:
    builder, sample, left_out = FoldMomentsBuilder(reader.width), _Sample(), 0
    for rows in reader.rows(files):
        left_out += rows.left_out
        builder.add(rows.features, rows.folds, rows.codes)
        _take_sample(sample, rows, reader.assignment.sampled_share)
    return _Part(builder.finish(), sample, left_out)


def _take_sample(sample: _Sample, rows: AssignedRows, share: float) -> None:
    hashes = np.fromiter(map(stable_hash, rows.keys), np.uint64, len(rows.codes))
    chosen = np.flatnonzero(hashes < share * 2.0**64)
    sample.add(hashes[chosen], SampledRows(rows.features, rows.folds, rows.codes).taken(chosen))
