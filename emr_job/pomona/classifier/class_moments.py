"""What the classifier needs to know of the rows: co-moments of each fold, and each class's count and sum in it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.folds import FOLDS
from pomona.pca.comoments import CoMoments, Vector

Counts = NDArray[np.int64]
Sums = NDArray[np.float64]
ROWS_AT_ONCE = 2048
"""Rows of a fold that are multiplied at once: fewer, and adding up the products costs as much as making them."""
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class ClassSums:
    """Counts [C] and sums [C, d] of the rows of each class."""

    counts: Counts
    sums: Sums

    def __sub__(self, other: "ClassSums") -> "ClassSums":
        return ClassSums(self.counts - other.counts, self.sums - other.sums)

    @property
    def means(self) -> Sums:
        """The mean row of each class [C, d]; zeros for a class without rows."""
        return self.sums / np.maximum(self.counts, 1)[:, None]


@dataclass(frozen=True, eq=False)
class FoldMoments:
    """Sufficient statistics for LDA with cross-validation: they add up, as CoMoments do.

    (FOLDS + 1) · 8 · d² bytes, about half of that when pickled, and 8 · d bytes for each pair of fold and class.

    folds    co-moments of the rows of a class, one for each fold
    outside  co-moments of the rows that belong to no class: PCA wants them, the classifier does not
    counts   {(fold, class): number of rows}
    sums     {(fold, class): [d] float64}; only pairs that occur, so a task holds the classes of its own rows
    """

    folds: tuple[CoMoments, ...]
    outside: CoMoments
    counts: dict[tuple[int, int], int]
    sums: dict[tuple[int, int], Vector]

    @classmethod
    def empty(cls, width: int) -> "FoldMoments":
        """The statistics of no rows, neutral in a merge."""
        return cls((CoMoments.empty(width),) * FOLDS, CoMoments.empty(width), {}, {})

    def merge(self, other: "FoldMoments") -> "FoldMoments":
        """Return the statistics of both sets of rows together."""
        return FoldMoments(
            tuple(mine.merge(theirs) for mine, theirs in zip(self.folds, other.folds, strict=True)),
            self.outside.merge(other.outside),
            {pair: self.counts.get(pair, 0) + other.counts.get(pair, 0) for pair in {*self.counts, *other.counts}},
            _added(self.sums, other.sums),
        )

    def whole(self) -> CoMoments:
        """Return the co-moments of all rows, in a class or not."""
        return CoMoments.of_union((*self.folds, self.outside))

    def classified(self, without: int | None = None) -> CoMoments:
        """Return the co-moments of the rows of a class, of all folds but `without`."""
        return CoMoments.of_union([moments for fold, moments in enumerate(self.folds) if fold != without])

    def class_sums(self, classes: int, without: int | None = None) -> ClassSums:
        """Return each class's count and sum over all folds but `without`; `classes` is C."""
        total = ClassSums(np.zeros(classes, np.int64), np.zeros((classes, len(self.outside.mean))))
        for (fold, code), count in self.counts.items():
            if fold != without:
                total.counts[code] += count
                total.sums[code] += self.sums[fold, code]
        return total

    def evaluable(self, classes: int) -> NDArray[np.bool_]:
        """Return which classes [C] have rows in two folds or more: only those can be predicted out of fold."""
        present = np.zeros((classes, FOLDS), np.bool_)
        for fold, code in self.counts:
            present[code, fold] = True
        evaluable: NDArray[np.bool_] = np.count_nonzero(present, axis=1) > 1
        return evaluable


def _added(some: dict[tuple[int, int], Vector], others: dict[tuple[int, int], Vector]) -> dict[tuple[int, int], Vector]:
    added = dict(some)
    for pair, vector in others.items():
        added[pair] = added[pair] + vector if pair in added else vector
    return added


@dataclass
class FoldMomentsBuilder:
    """Collects rows into the statistics of their folds, ROWS_AT_ONCE of a fold at a time.

    A block of the table has rows of all folds. To multiply each fold's few rows by themselves would cost as much in
    additions of [d, d] matrices as in products, so rows wait until their fold has ROWS_AT_ONCE of them: 60 MB at most
    for d = 1,280.
    """

    width: int
    moments: FoldMoments = field(init=False)
    _waiting: list[list[tuple[NDArray[np.float32], Counts]]] = field(init=False)

    def __post_init__(self) -> None:
        self.moments = FoldMoments.empty(self.width)
        self._waiting = [[] for _ in range(FOLDS + 1)]  # the last: no class

    def add(self, features: NDArray[np.float32], folds: NDArray[np.integer], codes: Counts) -> None:
        """Take in rows [n, d] with their folds [n] and the numbers of their classes [n], NO_CLASS for none."""
        rooms = np.where(codes == NO_CLASS, FOLDS, folds)
        for room in np.unique(rooms):
            chosen = rooms == room
            self._waiting[room].append((features[chosen], codes[chosen]))
            if sum(len(block) for block, _ in self._waiting[room]) >= ROWS_AT_ONCE:
                self._multiply(int(room))

    def finish(self) -> FoldMoments:
        """Return the statistics of all rows that were added."""
        for room, waiting in enumerate(self._waiting):
            if waiting:
                self._multiply(room)
        return self.moments

    def _multiply(self, room: int) -> None:
        blocks, codes = zip(*self._waiting[room], strict=True)
        self._waiting[room] = []
        features, numbers = np.concatenate(blocks), np.concatenate(codes)
        folds, outside = list(self.moments.folds), self.moments.outside
        if room == FOLDS:
            outside = outside.with_rows(features)
        else:
            folds[room] = folds[room].with_rows(features)
            self._sum(room, features, numbers)
        self.moments = FoldMoments(tuple(folds), outside, self.moments.counts, self.moments.sums)

    def _sum(self, fold: int, features: NDArray[np.float32], codes: Counts) -> None:
        order = np.argsort(codes, kind="stable")
        present, starts = np.unique(codes[order], return_index=True)
        # one sum for each class: np.add.reduceat is slower
        for code, rows in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
            pair, total = (fold, code), features[rows].sum(axis=0, dtype=np.float64)
            known = self.moments.sums.get(pair)
            self.moments.counts[pair] = self.moments.counts.get(pair, 0) + len(rows)
            self.moments.sums[pair] = total if known is None else known + total
