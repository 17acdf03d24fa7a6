"""Images whose label is probably wrong: the classifier that has not seen them is sure of another class."""

from dataclasses import dataclass, field
from heapq import nlargest

MOST_SUSPECTS = 50_000


@dataclass(frozen=True, order=True)
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
        self.found = nlargest(MOST_SUSPECTS, self.found + suspects)

    def merge(self, other: "Suspects") -> None:
        """Take in those of other rows."""
        self.found = nlargest(MOST_SUSPECTS, self.found + other.found)
        self.total += other.total
