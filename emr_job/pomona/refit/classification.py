"""The classifier of a refit: fitted to the statistics of the first pass, evaluated by the predictions of the second."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.class_moments import ClassSums
from pomona.classifier.classes import Classes
from pomona.classifier.documents import Evaluation, HoldOut, classification_report, suspects_table
from pomona.classifier.hold_out import random_hold_out
from pomona.classifier.selection import cross_validate
from pomona.pca.model import PcaModel
from pomona.projection import FittedModel, project
from pomona.refit.first_pass import FirstPassResult
from pomona.refit.held_out import HeldOutClassifier, PredictionTally
from pomona.refit.results import ResultsFolder
from pomona.refit.storage_choices import StorageChoices, storage_choices
from pomona_contract.lake_layout import EVALUATION

JSON, CSV = "application/json", "text/csv; charset=utf-8"


@dataclass(frozen=True, eq=False)
class Classification:
    """A fitted classifier with what is known of it before the second pass.

    sums     count and sum of each class, over all rows
    random   accuracy on randomly chosen images; None without a classifier
    storage  what fewer components and smaller numbers are worth; None if there is nothing to compare
    """

    classifier: HeldOutClassifier
    sums: ClassSums
    random: HoldOut | None = None
    storage: StorageChoices | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of each class [C]."""
        return self.sums.counts

    @classmethod
    def fitted(cls, known: Classes, found: FirstPassResult, pca: PcaModel) -> "Classification":
        """Return the classifier of the rows of the first pass; without one if there are fewer than two classes."""
        classes = len(known.labels)
        evaluable = found.moments.evaluable(classes)
        sums = found.moments.class_sums(classes)
        if np.count_nonzero(sums.counts) < 2:
            return cls(HeldOutClassifier(known, None, evaluable), sums)
        validated = cross_validate(found.moments, classes, found.sample)
        with ThreadPoolExecutor(1) as pool:
            random = pool.submit(random_hold_out, found.moments, classes, found.sample, validated.shrinkage)
            rows = found.sample.of_classes(evaluable).fewer_for(classes)
            storage = storage_choices(found.moments, pca, validated, rows) if len(rows.codes) else None
            return cls(HeldOutClassifier(known, validated, evaluable), sums, random.result(), storage)

    def model(self, pca: PcaModel) -> FittedModel:
        """Return the PCA with the classifier of all rows."""
        validated = self.classifier.validated
        labels = self.classifier.classes.labels
        return FittedModel.of(pca, labels, self.counts, validated.whole if validated else None)

    def class_means(self, pca: PcaModel) -> dict[str, NDArray[np.float64]]:
        """Return the projected mean row [k] of each class that has rows."""
        labels = self.classifier.classes.labels
        means = project(self.sums.means, pca)
        return {label: mean for label, mean, rows in zip(labels, means, self.counts, strict=True) if rows}

    def evaluation(self, tally: PredictionTally) -> Evaluation | None:
        """Return what the held-out predictions are worth; None without a classifier."""
        validated = self.classifier.validated
        if validated is None:
            return None
        classes = self.classifier.classes
        return Evaluation(
            classes=classes,
            images_of=dict(zip(classes.labels, self.counts.tolist(), strict=True)),
            evaluated=self.classifier.evaluable.tolist(),
            counts=tally.counts,
            suspects=tally.suspects,
            shrinkage=validated.shrinkage,
            temperature=validated.temperature,
            random=self.random,
        )


def write_evaluation(folder: ResultsFolder, evaluation: Evaluation) -> None:
    """Write evaluation.json, classification_report.csv and suspects.csv."""
    folder.put(EVALUATION, json.dumps(evaluation.document(), indent=1).encode(), JSON)
    folder.put("classification_report.csv", classification_report(evaluation), CSV)
    folder.put("suspects.csv", suspects_table(evaluation.suspects), CSV)
