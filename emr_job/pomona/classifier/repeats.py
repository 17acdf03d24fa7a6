"""Which of very many values occur more than once, in memory that does not follow their number."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

BITS_PER_VALUE = 64
PLACES = 3
"""Of each value. One in 10,000 values that occur once is taken for a repeated one: (PLACES / BITS_PER_VALUE)³."""
FEWEST_BITS, MOST_BITS = 2**16, 2**28


@dataclass(frozen=True, eq=False)
class Repeats:
    """A Bloom filter with two bits a place: taken once, taken more than once.

    A value that was added twice is always held. One that was added once is held seldom, if others have taken all its
    places; then it is looked at once more, for nothing. MOST_BITS bounds the memory to 64 MB.

    Source: B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13 (1970).
    """

    once: NDArray[np.uint8]
    twice: NDArray[np.uint8]

    @classmethod
    def for_values(cls, count: int) -> Self:
        """Return an empty filter for so many values."""
        bits = (
            min(max(1 << (count * BITS_PER_VALUE - 1).bit_length(), FEWEST_BITS), MOST_BITS) if count else FEWEST_BITS
        )
        return cls(np.zeros(bits // 8, np.uint8), np.zeros(bits // 8, np.uint8))

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Take in the values with these hashes [n]."""
        places, counts = np.unique(self._places(hashes), return_counts=True)
        byte, bit = _address(places)
        again = (counts > 1) | ((self.once[byte] & bit) > 0)
        np.bitwise_or.at(self.twice, byte[again], bit[again])
        np.bitwise_or.at(self.once, byte, bit)

    def merge(self, other: "Repeats") -> None:
        """Take in the values of another filter of the same size."""
        np.bitwise_or(self.twice, other.twice, out=self.twice)
        np.bitwise_or(self.twice, self.once & other.once, out=self.twice)
        np.bitwise_or(self.once, other.once, out=self.once)

    def hold(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return for each value [n] whether it was added more than once."""
        byte, bit = _address(self._places(hashes))
        held: NDArray[np.bool_] = np.all((self.twice[byte] & bit) > 0, axis=0)
        return held

    def _places(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the places [PLACES, n] of values, by double hashing."""
        steps = np.arange(PLACES, dtype=np.uint64)[:, None]
        stride = (hashes >> np.uint64(32)) | np.uint64(1)
        return (hashes + steps * stride) & np.uint64(8 * len(self.once) - 1)


def _address(places: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    return (places >> np.uint64(3)).astype(np.intp), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
