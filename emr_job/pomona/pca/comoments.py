"""Count, mean and co-moments of a set of feature rows: sufficient for standardisation and PCA."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
PICKLED_ROWS = 16
"""Of a band of the triangle: wider bands are fewer, and hold more of the other triangle."""
ROUNDING = 1e-13
"""A column's scatter below this share of what it was before rows were taken away is rounding."""


@dataclass(frozen=True, eq=False)
class CoMoments:
    """Sufficient statistics of n rows of width d for their mean, covariance and correlation.

    count    n, the number of rows
    mean     [d] float64, the mean row; zeros when there are no rows
    scatter  [d, d] float64, the sum over the rows of (row - mean)ᵀ(row - mean), symmetric

    They add up: the statistics of two disjoint sets of rows give exactly (up to rounding) those of their union, so a
    table is read once, in any number of parts, in memory that depends on d alone: 8 d² bytes (13 MB for d = 1,280).
    """

    count: int
    mean: Vector
    scatter: Matrix

    @classmethod
    def empty(cls, width: int) -> "CoMoments":
        """Return the statistics of no rows, which are neutral in a merge."""
        return cls(0, np.zeros(width), np.zeros((width, width)))

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> "CoMoments":
        """Return the statistics of one block of rows [n, d]."""
        return cls.empty(rows.shape[1]).with_rows(rows)

    def with_rows(self, rows: NDArray[np.floating]) -> "CoMoments":
        """Return the statistics of these rows and a block of others [n, d], of which a float64 copy is made meanwhile.

        The first row is subtracted before the mean is taken, and the mean before the products: so an offset that all
        rows share (1e6, say) costs no digits, and a constant column has a scatter of exactly zero. One symmetric rank-n
        update in BLAS, n d² floating point operations. What the distance of the two means adds to the scatter (see
        of_union) is one more row of that update: a merge afterwards would cost several passes over [d, d].
        """
        added = len(rows)
        if not added:
            return self
        count, first = self.count + added, rows[0].astype(np.float64)
        centred = np.empty((added + 1, len(first)))
        block, distance = centred[:added], centred[added]
        np.subtract(rows, first, out=block)
        shift = block.mean(axis=0)
        block -= shift
        mean = first + shift
        if not self.count:
            return CoMoments(count, mean, block.T @ block)
        step = mean - self.mean
        np.multiply(step, np.sqrt(self.count * added / count), out=distance)
        scatter = centred.T @ centred
        scatter += self.scatter
        return CoMoments(count, self.mean + step * (added / count), scatter)

    def merge(self, other: "CoMoments") -> "CoMoments":
        """Return the statistics of both sets of rows together, in O(d²)."""
        return CoMoments.of_union((self, other))

    @classmethod
    def of_union(cls, parts: Sequence["CoMoments"]) -> "CoMoments":
        """Return the statistics of several disjoint sets of rows together. There has to be a part at least.

        The scatters add up, and so do the outer products of each mean's distance from the common mean. O(p d²) for p
        parts.

        Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", 1979 (technical report), and "Algorithms for computing the sample variance: analysis and
        recommendations", The American Statistician 37 (1983), equation 2.1, for vectors and any number of parts.
        """
        filled = [part for part in parts if part.count]
        if len(filled) < 2:
            return filled[0] if filled else parts[0]
        counts = np.array([part.count for part in filled])
        # seen from the first mean, a column that is constant in all parts stays exactly constant
        steps = np.stack([part.mean - filled[0].mean for part in filled])
        step = counts @ steps / counts.sum()
        weighted = (steps - step) * np.sqrt(counts)[:, None]
        scatter = weighted.T @ weighted
        for part in filled:
            scatter += part.scatter
        return cls(int(counts.sum()), filled[0].mean + step, scatter)

    def without(self, part: "CoMoments") -> "CoMoments":
        """Return the statistics of the rows that are not in `part`, a part of these rows: the inverse of merge.

        Digits are lost where hardly any rows are left: take away a minority. A column that varies in `part` alone is
        left with rounding, which may be negative or seem to vary: its scatter becomes zero.
        """
        count = self.count - part.count
        if not part.count or not count:
            return self if count else CoMoments.empty(len(self.mean))
        mean = (self.mean * self.count - part.mean * part.count) / count
        step = part.mean - mean
        scatter = self.scatter - part.scatter
        scatter -= np.multiply.outer(step, step * (count * part.count / self.count))
        is_constant = np.diag(scatter) <= ROUNDING * np.diag(self.scatter)
        scatter[is_constant] = 0.0
        scatter[:, is_constant] = 0.0
        return CoMoments(count, mean, scatter)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the upper triangle alone, in bands of rows: what tasks hand over is half as large."""
        begins = range(0, len(self.mean) if self.count else 0, PICKLED_ROWS)
        return _unpacked, (self.count, self.mean, [self.scatter[begin:][:PICKLED_ROWS, begin:] for begin in begins])


def _unpacked(count: int, mean: Vector, bands: list[Matrix]) -> CoMoments:
    scatter = np.zeros((len(mean), len(mean)))
    for number, band in enumerate(bands):
        begin = number * PICKLED_ROWS
        end = begin + len(band)
        scatter[begin:end, begin:] = band
        scatter[end:, begin:end] = band[:, len(band) :].T
    return CoMoments(count, mean, scatter)
