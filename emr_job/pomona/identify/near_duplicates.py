"""Groups of near-copies: images whose projections have a cosine of at least a threshold. NumPy is all this needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 2048
"""Rows that are compared with as many others at once: 17 MB of similarities, and 64 MB if all of them are alike."""


@dataclass(frozen=True, eq=False)
class Group:
    """Rows that are linked by pairs of near-copies, at least two of them.

    similarity  the smallest cosine of a row with the first row of the group: 1 if all show the same picture
    """

    rows: tuple[int, ...]
    similarity: float


def near_duplicates(
    vectors: NDArray[np.float16], threshold: float, on_rows: Callable[[int], None] | None = None
) -> list[Group]:
    """Return the groups among vectors [n, k] of length 1, the largest first.

    Exact: all pairs are compared, n² k / 2 multiplications, in memory that does not follow the number of pairs.
    A group is what its pairs connect, so its ends may be less alike than the threshold.

    Args:
        vectors: the projections.
        threshold: the smallest cosine of a pair.
        on_rows: is called with the number of further rows that were compared with all others.
    """
    roots = np.arange(len(vectors))
    for first in range(0, len(vectors), ROWS_AT_ONCE):
        rows = vectors[first : first + ROWS_AT_ONCE].astype(np.float32)
        for other in range(first, len(vectors), ROWS_AT_ONCE):
            similar = rows @ vectors[other : other + ROWS_AT_ONCE].astype(np.float32).T >= threshold
            pairs = np.triu(similar, 1) if other == first else similar
            if pairs.any():  # seldom: to look for the pairs takes longer
                some, others = np.nonzero(pairs)
                roots = joined(roots, some + first, others + other)
        if on_rows:
            on_rows(len(rows))
    return sorted(_groups(vectors, roots), key=lambda group: (-len(group.rows), group.rows))


def joined(roots: NDArray[np.intp], some: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the roots (the smallest row that each row is connected to) with more pairs taken in."""
    while True:
        mine, theirs = roots[some], roots[others]
        apart = mine != theirs
        if not apart.any():
            return roots
        some, others = some[apart], others[apart]
        low, high = np.minimum(mine[apart], theirs[apart]), np.maximum(mine[apart], theirs[apart])
        np.minimum.at(roots, high, low)
        while not np.array_equal(roots, following := roots[roots]):
            roots = following


def _groups(vectors: NDArray[np.float16], roots: NDArray[np.intp]) -> Iterator[Group]:
    order = np.argsort(roots, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(roots[order])) + 1):
        if len(rows) > 1:
            similarity = vectors[rows].astype(np.float32) @ vectors[rows[0]].astype(np.float32)
            yield Group(tuple(rows.tolist()), min(float(similarity.min()), 1.0))
