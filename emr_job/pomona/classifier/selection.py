"""Fits the classifier to all rows and to all but each fold, with the shrinkage that predicts held-out rows best."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.calibration import log_loss, temperature
from pomona.classifier.class_moments import NO_CLASS, Counts, FoldMoments
from pomona.classifier.folds import FOLDS
from pomona.classifier.lda import SHRINKAGES, LdaStatistics, LinearClassifier
from pomona_contract.workers import WORKER_VCPUS

SAMPLED_ROWS = 5000
FEWEST_ROWS, MOST_SCORES = 1000, 4_000_000
"""With very many classes fewer of the sampled rows choose shrinkage and temperature, which need no more."""


@dataclass(frozen=True, eq=False)
class SampledRows:
    """Rows that the first pass brings back, SAMPLED_ROWS at most, spread evenly over the table.

    features  [n, d] float32
    folds     [n]
    codes     [n] the numbers of the classes, NO_CLASS for none
    """

    features: NDArray[np.float32]
    folds: NDArray[np.integer]
    codes: Counts

    @classmethod
    def concatenated(cls, parts: Sequence["SampledRows"], width: int) -> Self:
        """Return the rows of all parts; `width` is d, also if there are none."""
        return cls(
            np.concatenate([*(part.features for part in parts), np.empty((0, width), np.float32)]),
            np.concatenate([*(part.folds for part in parts), np.empty(0, np.int8)]),
            np.concatenate([*(part.codes for part in parts), np.empty(0, np.int64)]),
        )

    def taken(self, places: NDArray[np.integer]) -> "SampledRows":
        """Return the rows at these places."""
        return SampledRows(self.features[places], self.folds[places], self.codes[places])

    def fewer_for(self, classes: int) -> "SampledRows":
        """Return so many rows that their scores for all classes are MOST_SCORES at most, but FEWEST_ROWS at least."""
        return self.taken(np.arange(min(len(self.codes), max(FEWEST_ROWS, MOST_SCORES // max(classes, 1)))))

    def of_classes(self, chosen: NDArray[np.bool_]) -> "SampledRows":
        """Return the rows of the chosen classes [C] alone."""
        kept = (self.codes != NO_CLASS) & chosen[self.codes]
        return SampledRows(self.features[kept], self.folds[kept], self.codes[kept])


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """A classifier for new images, and one for each fold that has not seen its rows. All share one temperature.

    whole        fitted to all rows of a class
    held_out     one for each fold, fitted to the rows of the other folds
    shrinkage    the one of SHRINKAGES with the smallest log-loss on held-out rows
    temperature  what all scores were divided by already
    """

    whole: LinearClassifier
    held_out: tuple[LinearClassifier, ...]
    shrinkage: float
    temperature: float

    def scores(self, rows: NDArray[np.floating], folds: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return each row's scores [n, C] by the classifier that has not seen its fold."""
        return _held_out_scores(self.held_out, rows, folds)


def cross_validate(moments: FoldMoments, classes: int, sample: SampledRows) -> CrossValidated:
    """Choose shrinkage and temperature on the sample's held-out scores and return the fitted classifiers.

    FOLDS · len(SHRINKAGES) + 1 solves of O(d³ + C d²), on the cores of the driver: solving and scoring are BLAS, which
    does not hold Python's lock. In memory, FOLDS + 1 + 2 · WORKER_VCPUS matrices [d, d], the means [C, d] of FOLDS + 1
    sets of rows, and FOLDS · len(SHRINKAGES) classifiers [C, d] at most.
    """

    def statistics(without: int | None) -> LdaStatistics:
        return LdaStatistics.of(moments.classified(without), moments.class_sums(classes, without))

    with ThreadPoolExecutor(WORKER_VCPUS) as pool:
        *folds, whole = pool.map(statistics, [*range(FOLDS), None])
        rows = sample.of_classes(moments.evaluable(classes)).fewer_for(classes)
        features = rows.features.astype(np.float64)  # once, not for each shrinkage
        tried = pool.map(lambda shrinkage: _Tried.of(shrinkage, folds, rows, features), SHRINKAGES)
        best = min(tried, key=lambda one: (one.loss, -one.shrinkage))  # of equals the one that shrinks more
    at = best.temperature
    held_out = tuple(classifier.at_temperature(at) for classifier in best.held_out)
    return CrossValidated(whole.fit(best.shrinkage).at_temperature(at), held_out, best.shrinkage, at)


@dataclass(frozen=True, eq=False)
class _Tried:
    """A shrinkage with its classifiers of all folds, and the log-loss of their predictions at the best temperature."""

    shrinkage: float
    held_out: tuple[LinearClassifier, ...]
    temperature: float
    loss: float

    @classmethod
    def of(
        cls, shrinkage: float, folds: Sequence[LdaStatistics], rows: SampledRows, features: NDArray[np.float64]
    ) -> Self:
        fitted = tuple(each.fit(shrinkage) for each in folds)
        scores = _held_out_scores(fitted, features, rows.folds)
        at = temperature(scores, rows.codes)
        return cls(shrinkage, fitted, at, log_loss(scores, rows.codes, at))


def _held_out_scores(
    classifiers: tuple[LinearClassifier, ...], rows: NDArray[np.floating], folds: NDArray[np.integer]
) -> NDArray[np.float64]:
    scores = np.empty((len(rows), len(classifiers[0].bias)))
    for fold in np.unique(folds):
        chosen = folds == fold
        scores[chosen] = classifiers[fold].scores(rows[chosen])
    return scores
