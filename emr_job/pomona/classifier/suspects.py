"""Images whose label is probably wrong: the classifier that has not seen them is sure of another class."""

from dataclasses import dataclass, field
from heapq import nlargest
from operator import attrgetter

MOST_SUSPECTS = 50_000


@dataclass(frozen=True)
class Suspect:
    """An image whose held-out prediction differs from its label.

    margin       log-odds of the predicted class against the label: what suspects are ordered by, because many
                 probabilities round to 1
    probability  of the predicted class
    """

    margin: float
    key: str
    label: str
    predicted: str
    probability: float


@dataclass
class Suspects:
    """The MOST_SUSPECTS suspects with the largest margins, of all that were added."""

    found: list[Suspect] = field(default_factory=list)
    total: int = 0

    def add(self, suspects: list[Suspect]) -> None:
        """Take in some more."""
        self.total += len(suspects)
        self.found = _most_certain(self.found + suspects)

    def merge(self, other: "Suspects") -> None:
        """Take in those of other rows."""
        self.found = _most_certain(self.found + other.found)
        self.total += other.total


_ORDER = attrgetter("margin", "key", "label", "predicted", "probability")
"""Compared as tuples, which takes a tenth of the time that comparing the objects would take."""


def _most_certain(suspects: list[Suspect]) -> list[Suspect]:
    return nlargest(MOST_SUSPECTS, suspects, key=_ORDER)
