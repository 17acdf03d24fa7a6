"""Held-out predictions of rows: each by the classifier that has not seen its fold."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pomona.classifier.class_moments import NO_CLASS
from pomona.classifier.classes import Classes
from pomona.classifier.evaluation import PredictionCounts
from pomona.classifier.lda import probabilities
from pomona.classifier.selection import CrossValidated
from pomona.classifier.suspects import Suspect, Suspects
from pomona.refit.assigned_rows import AssignedRows

SCHEMA = pa.schema([("predicted", pa.string()), ("probability", pa.float64()), ("fold", pa.int8())])
"""The columns that the classifier adds to the projections."""


@dataclass(frozen=True, eq=False)
class HeldOutClassifier:
    """The classifiers of all folds, and which classes [C] can be evaluated.

    `validated` is None for a table with fewer than two classes: there is nothing to tell apart.
    """

    classes: Classes
    validated: CrossValidated | None
    evaluable: NDArray[np.bool_]

    def columns(self, block: AssignedRows, tally: "PredictionTally") -> list[pa.Array]:
        """Return the columns of SCHEMA for the rows, and count them."""
        codes, folds = block.codes, block.folds
        if self.validated is None:
            return [pa.nulls(len(folds), pa.string()), pa.nulls(len(folds), pa.float64()), pa.array(folds)]
        scores = self.validated.scores(block.features, folds)
        untold = np.isneginf(scores.max(axis=1))  # the other folds have no row of any class
        scores[untold] = 0.0
        predicted = scores.argmax(axis=1)
        rows = np.arange(len(predicted))
        probability = probabilities(scores)[rows, predicted]
        labels = np.array(self.classes.labels, object)
        evaluated = np.flatnonzero((codes != NO_CLASS) & self.evaluable[codes])
        tally.counts.add(codes[evaluated], predicted[evaluated], probability[evaluated], folds[evaluated])
        suspected = evaluated[predicted[evaluated] != codes[evaluated]]
        margins = scores[suspected, predicted[suspected]] - scores[suspected, codes[suspected]]
        keys = block.names["key"].take(pa.array(suspected)).to_pylist()
        tally.suspects.add(
            [
                Suspect(float(margin), key, labels[code], labels[guess], float(share))
                for margin, key, code, guess, share in zip(
                    margins, keys, codes[suspected], predicted[suspected], probability[suspected], strict=True
                )
            ]
        )
        return [
            pa.array(labels[predicted], pa.string(), mask=untold),
            pa.array(probability, mask=untold),
            pa.array(folds),
        ]


@dataclass
class PredictionTally:
    """What the held-out predictions of some rows add up to."""

    counts: PredictionCounts = field(default_factory=PredictionCounts)
    suspects: Suspects = field(default_factory=Suspects)

    def merge(self, other: Self) -> None:
        """Take in the tally of other rows."""
        self.counts.merge(other.counts)
        self.suspects.merge(other.suspects)
