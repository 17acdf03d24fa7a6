"""How many principal components to keep: a number of them, or a share of the variance that they explain.

Imports no NumPy: the entry point parses the choice before the archive of packages is checked.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pomona.errors import MisconfiguredError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# the rule of the template's parameter Components and of the functions: tests/unit/test_components_rule.py
_NUMBER, _SHARE = re.compile(r"[1-9][0-9]{0,3}"), re.compile(r"0?\.[0-9]*[1-9][0-9]*")
ROUNDING = 1e-12  # a cumulative sum of shares that should be 1 may end this much below it


@dataclass(frozen=True)
class ComponentCount:
    """Keep this many components (1 or more)."""

    number: int

    def __str__(self) -> str:
        return str(self.number)

    def keep(self, ratios: "NDArray[np.float64]") -> int:
        """Return how many components to keep; `ratios` [r] are the shares of variance of all, largest first."""
        return min(self.number, len(ratios))


@dataclass(frozen=True)
class VarianceShare:
    """Keep the fewest components that together explain at least this share of the variance (between 0 and 1)."""

    share: float

    def __str__(self) -> str:
        return str(self.share)

    def keep(self, ratios: "NDArray[np.float64]") -> int:
        """Return how many components to keep; `ratios` [r] are the shares of variance of all, largest first."""
        enough = bisect_left(list(accumulate(ratios.tolist())), self.share - ROUNDING) + 1
        return min(enough, len(ratios))


Components = ComponentCount | VarianceShare


def parse_components(text: str) -> Components:
    """Return the choice that "100" (a number of components) or "0.95" (a share of the variance) asks for.

    Raises:
        MisconfiguredError: the text is neither. All of the variance is no share: ask for 9999 components.
    """
    if _NUMBER.fullmatch(text):
        return ComponentCount(int(text))
    if _SHARE.fullmatch(text):
        return VarianceShare(float(text))
    raise MisconfiguredError(
        f"components is {text!r}; it may be a whole number of components from 1 to 9999, such as 100, "
        "or a share of the variance between 0 and 1, such as 0.95"
    )
