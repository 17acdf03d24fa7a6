"""How many principal components to keep: a number of them, or a share of the variance that they explain."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pomona.errors import MisconfiguredError

ROUNDING = 1e-12  # a cumulative sum of shares that should be 1 may end this much below it


@dataclass(frozen=True)
class ComponentCount:
    """Keep this many components (1 or more)."""

    number: int

    def __str__(self) -> str:
        return str(self.number)

    def keep(self, ratios: NDArray[np.float64]) -> int:
        """How many of the components there are, whose shares of the variance are given, largest first, to keep."""
        return min(self.number, len(ratios))


@dataclass(frozen=True)
class VarianceShare:
    """Keep the fewest components that together explain at least this share of the variance (over 0, up to 1)."""

    share: float

    def __str__(self) -> str:
        return str(self.share)

    def keep(self, ratios: NDArray[np.float64]) -> int:
        """How many of the components there are, whose shares of the variance are given, largest first, to keep."""
        enough = np.searchsorted(np.cumsum(ratios), self.share - ROUNDING) + 1
        return min(int(enough), len(ratios))


Components = ComponentCount | VarianceShare


def parse_components(text: str) -> Components:
    """What "100" (a number) or "0.95" (a share: it has a decimal point) ask for; "1" is the number, "1.0" the share.

    Raises MisconfiguredError with a sentence for everything else.
    """
    if re.fullmatch(r"[0-9]+", text) and int(text) >= 1:
        return ComponentCount(int(text))
    if re.fullmatch(r"[01]?\.[0-9]+|1\.", text) and 0 < float(text) <= 1:
        return VarianceShare(float(text))
    raise MisconfiguredError(
        f"components is {text!r}; it may be a whole number of components from 1 up, such as 100, "
        "or a share of the variance above 0 and up to 1 written with a decimal point, such as 0.95"
    )
