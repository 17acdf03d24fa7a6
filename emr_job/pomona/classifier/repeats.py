"""Which of very many values occur more than once, in memory that does not follow their number."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

BITS_PER_VALUE = 64
"""So 1 value in 64 that occurs once is taken for a repeated one."""
FEWEST_BITS, MOST_BITS = 2**16, 2**28


@dataclass(frozen=True, eq=False)
class Repeats:
    """A counting filter with two bits a place: seen once, seen more than once.

    A value that was added twice is always held; one that was added once is held seldom (a collision), which puts its
    image into another fold and does no other harm. MOST_BITS bounds the memory to 64 MB.
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
        places, counts = np.unique(hashes & np.uint64(8 * len(self.once) - 1), return_counts=True)
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
        byte, bit = _address(hashes & np.uint64(8 * len(self.once) - 1))
        held: NDArray[np.bool_] = (self.twice[byte] & bit) > 0
        return held


def _address(places: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    return (places >> np.uint64(3)).astype(np.intp), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
