"""How many different texts there are among very many, in memory that does not follow their number."""

from collections.abc import Iterable
from heapq import nsmallest

from pomona.classifier.folds import stable_hash

KEPT = 2**16
"""Fewer different texts are counted exactly; more are estimated, to half a per cent or so (1/√KEPT)."""


class DistinctCount:
    """The smallest hashes of the texts. They are spread evenly, so how close they lie tells how many there are.

    Counts of parts add up to the count of the whole, in whatever order.

    Source: K. Beyer, P. Haas, B. Reinwald, Y. Sismanis, R. Gemulla, "On synopses for distinct-value estimation under
    multiset operations", SIGMOD 2007, 4.1 (the unbiased estimator).
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._hashes = set(map(stable_hash, texts))
        self._keep(KEPT)

    def update(self, other: "DistinctCount") -> None:
        """Take in the texts of another count, in time that is linear in those."""
        self._hashes |= other._hashes
        self._keep(2 * KEPT)

    def __int__(self) -> int:
        if len(self._hashes) < KEPT:
            return len(self._hashes)
        largest = nsmallest(KEPT, self._hashes)[-1]
        return round((KEPT - 1) * 2**64 / largest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DistinctCount) and nsmallest(KEPT, self._hashes) == nsmallest(KEPT, other._hashes)

    __hash__ = None  # type: ignore[assignment]

    def _keep(self, at_most: int) -> None:
        if len(self._hashes) > at_most:
            self._hashes = set(nsmallest(KEPT, self._hashes))
