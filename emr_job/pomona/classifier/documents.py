"""What a refit says of its classifier: evaluation.json, classification_report.csv and suspects.csv."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pomona.classifier.classes import Classes
from pomona.classifier.evaluation import Figures, PredictionCounts, figures, interval
from pomona.classifier.folds import FOLDS
from pomona.classifier.suspects import Suspects

FORMAT = 1
SHOWN_CONFUSIONS = 100


@dataclass(frozen=True)
class HoldOut:
    """Accuracy on randomly chosen images by a classifier that was fitted to all others, for comparison.

    Near-copies of the chosen images are among the others, so this accuracy is higher than that of new images.
    """

    images: int
    right: int


@dataclass(frozen=True)
class Evaluation:
    """An evaluated classifier.

    images_of     images of each class of the table
    evaluated     which classes have images in two folds or more
    counts        of the held-out predictions
    random        the comparison with randomly chosen images; None where there are too few
    """

    classes: Classes
    images_of: Mapping[str, int]
    evaluated: Sequence[bool]
    counts: PredictionCounts
    suspects: Suspects
    shrinkage: float
    temperature: float
    random: HoldOut | None

    @property
    def figures(self) -> Figures:
        """Precision, recall and F1 of the classes."""
        return figures(self.counts, self.classes.labels)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that say what was not evaluated."""
        found = []
        if self.classes.left_out:
            found.append(
                f"the {len(self.classes.labels)} labels with the most images are classes; "
                f"{self.classes.left_out} smaller labels are not"
            )
        if single := [label for label, is_evaluated in self._known() if not is_evaluated]:
            named = ", ".join(single[:5]) + (" …" if len(single) > 5 else "")
            found.append(
                f"{len(single)} classes were not evaluated ({named}): their images are one image, or copies of one"
            )
        return tuple(found)

    def document(self) -> dict[str, Any]:
        """Return the content of evaluation.json; docs/results.md describes its fields."""
        counts, found = self.counts, self.figures
        return {
            "format": FORMAT,
            "images": counts.images,
            "classes": len(self.classes.labels),
            "accuracy": _number(counts.accuracy, counts.images),
            "accuracy_interval_95": list(interval(counts.right, counts.images)),
            "random_hold_out": self._random(),
            "macro": asdict(found.macro),
            "weighted": asdict(found.weighted),
            "expected_calibration_error": _number(counts.calibration_error, counts.images),
            "shrinkage": self.shrinkage,
            "temperature": self.temperature,
            "folds": [
                {"fold": fold, "images": int(images), "accuracy": _number(right / max(images, 1), images)}
                for fold, (images, right) in zip(range(FOLDS), counts.fold_images, strict=True)
            ],
            "per_class": [asdict(one) | {"images": self.images_of[one.label]} for one in found.classes],
            "not_evaluated": [
                {"label": label, "images": self.images_of[label]}
                for label, is_evaluated in self._known()
                if not is_evaluated
            ],
            "confusions": self._confusions(),
            "suspects": self.suspects.total,
            "notes": list(self.notes),
        }

    def _known(self) -> Iterable[tuple[str, bool]]:
        return zip(self.classes.labels, self.evaluated, strict=True)

    def _random(self) -> dict[str, Any] | None:
        if self.random is None:
            return None
        return {
            "images": self.random.images,
            "accuracy": _number(self.random.right / self.random.images, self.random.images),
        }

    def _confusions(self) -> list[dict[str, Any]]:
        wrong = Counter({pair: images for pair, images in self.counts.confusion.items() if pair[0] != pair[1]})
        ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_CONFUSIONS]
        labels = self.classes.labels
        return [
            {"label": labels[true], "predicted": labels[predicted], "images": images}
            for (true, predicted), images in ordered
        ]


def classification_report(evaluation: Evaluation) -> bytes:
    """Return the figures in the form of scikit-learn's classification_report, as CSV.

    A row for each class, then `accuracy` (in the column f1-score, as scikit-learn prints it), `macro avg` and
    `weighted avg`.
    """
    counts, found = evaluation.counts, evaluation.figures
    rows: list[list[object]] = [[one.label, one.precision, one.recall, one.f1, one.support] for one in found.classes]
    rows.append(["accuracy", "", "", _number(counts.accuracy, counts.images), counts.images])
    for name, average in (("macro avg", found.macro), ("weighted avg", found.weighted)):
        rows.append([name, average.precision, average.recall, average.f1, counts.images])
    return _csv(["label", "precision", "recall", "f1-score", "support"], rows)


def suspects_table(suspects: Suspects) -> bytes:
    """Return the suspects as CSV, the most certain first."""
    rows = ([one.key, one.label, one.predicted, one.probability, one.margin] for one in suspects.found)
    return _csv(["key", "label", "predicted", "probability", "margin"], rows)


def _number(value: float, images: int) -> float | None:
    return float(value) if images else None


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return RFC 4180 text: names are quoted where they must be, and not altered."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")
