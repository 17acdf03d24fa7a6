"""Which labels are classes of the classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.class_moments import NO_CLASS

MOST_CLASSES = 2000


@dataclass(frozen=True)
class Classes:
    """The labels that the classifier knows, sorted; an image of another label, or of none, belongs to no class.

    left_out  how many labels are too small to be among the MOST_CLASSES largest
    """

    labels: tuple[str, ...]
    left_out: int = 0

    @classmethod
    def largest(cls, counts: Mapping[str, int], labels: int = 0) -> "Classes":
        """Return the MOST_CLASSES labels with the most images; of equals the first by name.

        `labels` is how many there are, if `counts` has not all of them.
        """
        ordered = sorted(counts, key=lambda label: (-counts[label], label))
        return cls(tuple(sorted(ordered[:MOST_CLASSES])), max(max(labels, len(ordered)) - MOST_CLASSES, 0))

    def codes(self, labels: Sequence[str | None]) -> NDArray[np.int64]:
        """Return the numbers [n] of the labels, NO_CLASS for those that are no class."""
        number = {label: code for code, label in enumerate(self.labels)}
        return np.fromiter(
            (NO_CLASS if label is None else number.get(label, NO_CLASS) for label in labels), np.int64, len(labels)
        )
