"""How little of each image must be stored: accuracy by the number of components and the type of their numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.class_moments import ClassSums, FoldMoments
from pomona.classifier.folds import FOLDS
from pomona.classifier.lda import LdaStatistics, LinearClassifier
from pomona.classifier.selection import CrossValidated, SampledRows
from pomona.pca.comoments import CoMoments
from pomona.pca.model import PcaModel
from pomona.projection import project

KEPT_COMPONENTS = (10, 20, 50, 100)
TYPES = ("float32", "float16", "int8")
LARGEST_INT8 = 127
Fitted = Sequence[LinearClassifier]
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class StorageChoice:
    """What is stored of an image, and what that is worth.

    what      `10 components`, or `all 1,280 features`
    type      float32, float16 or int8
    bytes     of one image
    variance  the share of the variance that is kept
    accuracy  of the held-out predictions of the sampled rows
    """

    what: str
    type: str
    bytes: int
    variance: float
    accuracy: float


@dataclass(frozen=True)
class StorageChoices:
    """The choices, and the number of sampled rows that their accuracy is of."""

    choices: tuple[StorageChoice, ...]
    rows: int


def storage_choices(
    moments: FoldMoments, model: PcaModel, validated: CrossValidated, sample: SampledRows
) -> StorageChoices:
    """Return the choices for `sample`, the rows of classes that can be evaluated.

    The classifiers are LDA with the shrinkage of `validated`, and each predicts the rows of the fold that it has not
    seen. Co-moments and class sums of the components follow from those of the features, so nothing is read again:
    O(FOLDS (k d² + k³ + C k²)) for k components, d features, C classes.
    """
    classes = len(validated.whole.bias)
    projected = [_projected(moments, model, classes, without=fold) for fold in range(FOLDS)]
    rows = project(sample.features, model)
    choices: list[StorageChoice] = []
    for kept in _kept(len(model.components)):
        fitted = [_leading(own, sums, kept).fit(validated.shrinkage) for own, sums in projected]
        variance = float(model.explained_variance_ratio[:kept].sum())
        choices += _of_types(f"{kept:,} components", rows[:, :kept], variance, partial(_right, fitted, sample))
    features = sample.features.astype(np.float64)
    told = f"all {features.shape[1]:,} features"
    choices += _of_types(told, features, 1.0, partial(_right, validated.held_out, sample))
    return StorageChoices(tuple(choices), len(sample.codes))


def quantised(rows: Rows) -> Rows:
    """Return rows [n, k] as they come back from int8: each column in 255 steps of its largest magnitude / 127."""
    step = np.abs(rows).max(axis=0, initial=0.0) / LARGEST_INT8
    whole = np.rint(np.divide(rows, step, out=np.zeros_like(rows), where=step > 0)).astype(np.int8)
    back: Rows = whole * step
    return back


def _of_types(what: str, rows: Rows, variance: float, accuracy: Callable[[Rows], float]) -> Iterator[StorageChoice]:
    largest = np.finfo(np.float16).max
    halves = rows.clip(-largest, largest).astype(np.float16)
    stored: tuple[NDArray[np.floating], ...] = (rows.astype(np.float32), halves, quantised(rows))
    for name, size, back in zip(TYPES, (4, 2, 1), stored, strict=True):
        yield StorageChoice(what, name, size * rows.shape[1], variance, accuracy(back.astype(np.float64)))


def _kept(components: int) -> list[int]:
    return sorted({*(kept for kept in KEPT_COMPONENTS if kept < components), components})


def _projected(moments: FoldMoments, model: PcaModel, classes: int, without: int) -> tuple[CoMoments, ClassSums]:
    """Return the statistics of the components of all rows of a class outside the fold."""
    own, sums = moments.classified(without), moments.class_sums(classes, without)
    to_components = model.components * model.scale
    scatter = to_components @ own.scatter @ to_components.T
    means = (sums.means - model.mean) @ to_components.T
    return (
        CoMoments(own.count, to_components @ (own.mean - model.mean), scatter),
        ClassSums(sums.counts, means * sums.counts[:, None]),
    )


def _leading(own: CoMoments, sums: ClassSums, kept: int) -> LdaStatistics:
    narrow = CoMoments(own.count, own.mean[:kept], own.scatter[:kept, :kept])
    return LdaStatistics.of(narrow, ClassSums(sums.counts, sums.sums[:, :kept]))


def _right(fitted: Fitted, sample: SampledRows, rows: Rows) -> float:
    """Return the share of rows whose class the classifier of the other folds predicts."""
    right = 0
    for fold in np.unique(sample.folds):
        chosen = sample.folds == fold
        predicted = fitted[fold].scores(rows[chosen]).argmax(axis=1)
        right += int(np.count_nonzero(predicted == sample.codes[chosen]))
    return right / len(rows)
