"""How little of each image must be stored: accuracy by the number of components and the type of their numbers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
from pomona_contract.workers import WORKER_VCPUS

KEPT_COMPONENTS = (10, 20, 50, 100)
TYPES = ("float32", "float16", "int8")
LARGEST_INT8 = 127
Fitted = Sequence[LinearClassifier]
Rows = NDArray[np.floating]


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
    told = f"all {sample.features.shape[1]:,} features"
    with ThreadPoolExecutor(WORKER_VCPUS) as pool:
        # the longest first
        of_features = pool.submit(_of_types, told, sample.features, 1.0, validated.held_out, sample)
        projected = list(pool.map(partial(_projected, moments, model, classes), range(FOLDS)))
        rows = project(sample.features, model)

        def of_components(kept: int) -> list[StorageChoice]:
            fitted = [_leading(own, sums, kept).fit(validated.shrinkage) for own, sums in projected]
            variance = float(model.explained_variance_ratio[:kept].sum())
            return _of_types(f"{kept:,} components", rows[:, :kept], variance, fitted, sample)

        choices = [choice for found in pool.map(of_components, _kept(len(model.components))) for choice in found]
        return StorageChoices((*choices, *of_features.result()), len(sample.codes))


def quantised(rows: Rows) -> Rows:
    """Return rows [n, k] as they come back from int8: each column in 255 steps of its largest magnitude / 127."""
    step = np.abs(rows).max(axis=0, initial=0.0) / LARGEST_INT8
    whole = rows / np.where(step > 0, step, 1)
    np.rint(whole, out=whole)
    whole *= step
    return whole


def _of_types(what: str, rows: Rows, variance: float, fitted: Fitted, sample: SampledRows) -> list[StorageChoice]:
    largest = np.finfo(np.float16).max
    stored: tuple[tuple[Rows, int], ...] = (
        (rows.astype(np.float32, copy=False), 4),
        (rows.clip(-largest, largest).astype(np.float16), 2),
        (quantised(rows), 1),
    )
    return [
        StorageChoice(what, name, size * rows.shape[1], variance, _right(fitted, sample, back))
        for name, (back, size) in zip(TYPES, stored, strict=True)
    ]


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
