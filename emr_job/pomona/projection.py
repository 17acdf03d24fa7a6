"""The fitted model as a file: projects and classifies features. Needs NumPy alone, neither Spark nor AWS.

>>> model = load_model("model.npz")                 # doctest: +SKIP
>>> project(features, model)                        # doctest: +SKIP
>>> labels, probabilities = classify(features, model)   # doctest: +SKIP
"""

import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from pomona.classifier import lda
from pomona.classifier.lda import LinearClassifier
from pomona.pca.model import PcaModel

FORMAT = 1
ARRAYS = ("mean", "std", "scale", "components", "explained_variance", "explained_variance_ratio")


@dataclass(frozen=True, eq=False)
class FittedModel(PcaModel):
    """What a refit has fitted: the PCA, and a classifier of the labels.

    classes       the C labels, sorted; none if there are fewer than two, or in a file of release 0.1.0
    class_counts  [C] images of each class
    classifier    scores of the classes, from raw features; None without classes
    """

    classes: tuple[str, ...] = ()
    class_counts: NDArray[np.int64] | None = None
    classifier: LinearClassifier | None = None

    @classmethod
    def of(
        cls, pca: PcaModel, classes: tuple[str, ...], counts: NDArray[np.int64], classifier: LinearClassifier | None
    ) -> Self:
        """Return the PCA and the classifier as one model."""
        return cls(
            **{field.name: getattr(pca, field.name) for field in fields(PcaModel)},
            classes=classes if classifier else (),
            class_counts=counts if classifier else None,
            classifier=classifier,
        )


def project(features: NDArray[np.floating], model: PcaModel) -> NDArray[np.float64]:
    """Return the rows [n, d] (or one row [d]) in the coordinates of the model's components: float64 [n, k] (or [k]).

    Computes ((features - mean) * scale) @ componentsᵀ in float64, as the refit does for its projections, with 2 n d k
    floating point operations. The standardised rows [n, d] are in memory meanwhile.
    """
    standardised = np.subtract(features, model.mean, dtype=np.float64)
    standardised *= model.scale
    coordinates: NDArray[np.float64] = standardised @ model.components.T
    return coordinates


def class_probabilities(features: NDArray[np.floating], model: FittedModel) -> NDArray[np.float64]:
    """Return the probability of each of model.classes for rows of raw features [n, d]: [n, C].

    Raises:
        ValueError: the model has no classes.
    """
    if model.classifier is None:
        raise ValueError("the model has no classes: the table had fewer than two labels, or an older release wrote it")
    return lda.probabilities(model.classifier.scores(features))


def classify(features: NDArray[np.floating], model: FittedModel) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return the most probable class of each row of raw features [n, d] and its probability: [n] and [n].

    The classifier has seen all images of the table. The column `predicted` of the projections is stricter: each row's
    prediction is by a classifier that has not seen the row.

    Raises:
        ValueError: the model has no classes.
    """
    shares = class_probabilities(features, model)
    best = shares.argmax(axis=1)
    return np.array(model.classes)[best], shares[np.arange(len(best)), best]


def model_bytes(model: FittedModel) -> bytes:
    """Return the model as an .npz file.

    It holds the arrays of PcaModel by their names, `format`, `rows` and `notes`, and, if there are classes, `classes`
    [C], `class_counts` [C], `class_weights` [C, d] and `class_bias` [C].
    """
    content = io.BytesIO()
    arrays = {name: getattr(model, name) for name in ARRAYS}
    if model.classifier is not None:
        arrays |= {
            "classes": np.array(model.classes, dtype=np.str_),
            "class_counts": model.class_counts,
            "class_weights": model.classifier.weights,
            "class_bias": model.classifier.bias,
        }
    np.savez(content, format=FORMAT, rows=model.rows, notes=np.array(model.notes, dtype=np.str_), **arrays)
    return content.getvalue()


def load_model(source: str | Path | BinaryIO) -> FittedModel:
    """Return the model of a model.npz, which may be a path or an open file.

    Raises:
        ValueError: the file has another format.
    """
    with np.load(source, allow_pickle=False) as content:
        if "format" not in content or int(content["format"]) != FORMAT:
            raise ValueError(f"{source} is not a PCA model of format {FORMAT}: it was written by another version")
        arrays = {name: content[name] for name in ARRAYS}
        pca = PcaModel(**arrays, rows=int(content["rows"]), notes=tuple(str(note) for note in content["notes"]))
        if "classes" not in content:
            return FittedModel.of(pca, (), np.empty(0, np.int64), None)
        classes = tuple(str(label) for label in content["classes"])
        classifier = LinearClassifier(content["class_weights"], content["class_bias"])
        return FittedModel.of(pca, classes, content["class_counts"], classifier)
