"""What the held-out predictions are worth: counts that add up over tasks, and the figures that follow from them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.calibration import BINS
from pomona.classifier.folds import FOLDS

NORMAL_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass
class PredictionCounts:
    """Counts of held-out predictions, which add up over disjoint sets of rows.

    confusion            {(true class, predicted class): images}
    fold_images          [FOLDS] images of each fold, and how many of them are right
    bins                 [BINS, 3] images, right ones and sum of probabilities, by equal ranges of the probability
    """

    confusion: Counter[tuple[int, int]] = field(default_factory=Counter)
    fold_images: NDArray[np.int64] = field(default_factory=lambda: np.zeros((FOLDS, 2), np.int64))
    bins: NDArray[np.float64] = field(default_factory=lambda: np.zeros((BINS, 3)))

    def add(
        self,
        true: NDArray[np.integer],
        predicted: NDArray[np.integer],
        probability: NDArray[np.floating],
        folds: NDArray[np.integer],
    ) -> None:
        """Take in rows [n] of classes that can be evaluated."""
        self.confusion.update(zip(true.tolist(), predicted.tolist(), strict=True))
        right = true == predicted
        np.add.at(self.fold_images, folds, np.stack([np.ones_like(true), right], axis=1).astype(np.int64))
        places = np.minimum((probability * BINS).astype(int), BINS - 1)
        np.add.at(self.bins, places, np.stack([np.ones_like(probability), right, probability], axis=1))

    def merge(self, other: "PredictionCounts") -> None:
        """Take in the counts of other rows."""
        self.confusion.update(other.confusion)
        self.fold_images += other.fold_images
        self.bins += other.bins

    @property
    def images(self) -> int:
        """How many predictions were counted."""
        return int(self.fold_images[:, 0].sum())

    @property
    def right(self) -> int:
        """How many of them are right."""
        return int(self.fold_images[:, 1].sum())

    @property
    def accuracy(self) -> float:
        """The share of right predictions; not a number for none."""
        return self.right / self.images if self.images else math.nan

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: the mean distance of probability and accuracy over the bins, by images."""
        return float(np.abs(self.bins[:, 1] - self.bins[:, 2]).sum() / self.images) if self.images else math.nan


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is recognised; a share whose denominator is 0 counts as 0."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 over the classes, each class alike (macro) or by its support (weighted)."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Figures:
    """The figures of an evaluation, as scikit-learn's classification_report defines them."""

    classes: tuple[ClassFigures, ...]
    macro: Average
    weighted: Average


def figures(counts: PredictionCounts, labels: Sequence[str]) -> Figures:
    """Return precision, recall and F1 of each class that is true or predicted somewhere, and their averages."""
    support, guessed, right = Counter[int](), Counter[int](), Counter[int]()
    for (true, predicted), images in counts.confusion.items():
        support[true] += images
        guessed[predicted] += images
        if true == predicted:
            right[true] += images
    classes = tuple(
        _class_figures(labels[code], right[code], guessed[code], support[code]) for code in sorted(support | guessed)
    )
    return Figures(classes, _average(classes, [1] * len(classes)), _average(classes, [one.support for one in classes]))


def interval(right: int, images: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy, by Wilson's score method.

    It takes the images for independent draws. Near-copies are not, so the truth may lie outside more often.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if not images:
        return 0.0, 1.0
    share, square = right / images, NORMAL_95**2
    centre = (share + square / (2 * images)) / (1 + square / images)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / images + square / (4 * images**2)) / (1 + square / images)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _class_figures(label: str, right: int, guessed: int, support: int) -> ClassFigures:
    precision = right / guessed if guessed else 0.0
    recall = right / support if support else 0.0
    f1 = 2 * right / (guessed + support) if guessed + support else 0.0
    return ClassFigures(label, precision, recall, f1, support)


def _average(classes: Sequence[ClassFigures], weights: Sequence[int]) -> Average:
    total = sum(weights)
    if not total:
        return Average(0.0, 0.0, 0.0)
    precision, recall, f1 = (
        sum(weight * value for weight, value in zip(weights, values, strict=True)) / total
        for values in (
            [one.precision for one in classes],
            [one.recall for one in classes],
            [one.f1 for one in classes],
        )
    )
    return Average(precision, recall, f1)
