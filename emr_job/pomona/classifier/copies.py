"""Images whose content lies in the bucket more than once: all of them are in the fold of the oldest."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

MOST_CONTENTS = 4_000_000
"""Contents that are looked at, 26 bytes each: of more, the copies of some stay apart."""
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Copies:
    """The folds [n] of contents that occur more than once; `hashes` [n] are sorted."""

    hashes: Hashes
    folds: NDArray[np.int8]

    @classmethod
    def none(cls) -> Self:
        """Return what holds where no content occurs twice."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.int8))

    def folds_of(self, hashes: Hashes, otherwise: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the folds [n] of images with these contents [n]; `otherwise` [n] for those without a copy.

        There has to be a content that occurs twice.
        """
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[places] == hashes, self.folds[places], otherwise).astype(np.int8)


_OCCURRENCE = np.dtype(
    [("content", np.uint64), ("time", np.int64), ("range", np.int8), ("fold", np.int8), ("images", np.int64)]
)


@dataclass
class CopySurvey:
    """For each content that was taken in, its oldest occurrence, and how many there are.

    A copy is made after its original. So the oldest lies among the images that were taken with it, and they are in its
    fold. Of occurrences of the same time, the one in the earlier range of its label counts: so the copy of a whole
    folder stays together.
    """

    _found: list[NDArray[np.void]] = field(default_factory=list)

    def add(
        self, contents: Hashes, times: NDArray[np.int64], ranges: NDArray[np.int8], folds: NDArray[np.int8]
    ) -> None:
        """Take in images by the hashes of their contents, when each was uploaded, its range, and the range's fold."""
        if len(contents):
            occurrences = np.empty(len(contents), _OCCURRENCE)
            for name, values in zip(_OCCURRENCE.names or (), (contents, times, ranges, folds, 1), strict=True):
                occurrences[name] = values
            self._take(_oldest(occurrences))

    def merge(self, other: Self) -> None:
        """Take in what another survey has taken in."""
        for found in other._found:
            self._take(found)

    def result(self) -> Copies:
        """Return the contents that occur more than once."""
        if not self._found:
            return Copies.none()
        found = _oldest(np.concatenate(self._found))
        repeated = found[found["images"] > 1]
        return Copies(repeated["content"].copy(), repeated["fold"].copy())

    def _take(self, found: NDArray[np.void]) -> None:
        self._found.append(found)
        if sum(map(len, self._found)) > 2 * MOST_CONTENTS:
            self._found = [_oldest(np.concatenate(self._found))]


def _oldest(occurrences: NDArray[np.void]) -> NDArray[np.void]:
    """Return one occurrence of each content, the oldest, with the images of all; sorted by content."""
    ordered = occurrences[np.lexsort([occurrences[name] for name in ("fold", "range", "time", "content")])]
    first = np.flatnonzero(np.diff(ordered["content"], prepend=~ordered["content"][:1]))
    kept = ordered[first].copy()
    kept["images"] = np.add.reduceat(ordered["images"], first)
    return kept[:MOST_CONTENTS]
