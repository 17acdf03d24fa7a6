"""How well the classes are told apart: figures and sentences of the evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

from pomona.classifier.documents import Evaluation
from pomona.classifier.evaluation import interval
from pomona.refit.report.wording import images, percent, sentence
from pomona.refit.row_statistics import RowStatistics


@dataclass(frozen=True)
class Figure:
    """A number, what it is, and a sentence about it."""

    value: str
    name: str
    about: str


@dataclass(frozen=True)
class Accuracy:
    """The section about the accuracy: figures, or the sentence that says why there are none, and notes."""

    figures: tuple[Figure, ...]
    why_none: str
    notes: tuple[str, ...]


def accuracy(evaluation: Evaluation | None, statistics: RowStatistics) -> Accuracy:
    """Return the content of the section."""
    if evaluation is None:
        return Accuracy((), _why_no_classes(statistics), ())
    notes = tuple(sentence(note) for note in evaluation.notes)
    if not evaluation.counts.images:
        return Accuracy((), "No class has images that could be held out, so there is no accuracy.", notes)
    return Accuracy(tuple(_figures(evaluation)), "", notes)


def _why_no_classes(statistics: RowStatistics) -> str:
    """Return why there is no classifier: an image's class is its folder."""
    if not statistics.classes:
        return "The images have no labels, because none of them is in a folder: there are no classes to tell apart."
    return "All labelled images are of one class: there is nothing to tell apart. A second folder makes a second class."


def _figures(evaluation: Evaluation) -> Iterator[Figure]:
    counts, found = evaluation.counts, evaluation.figures
    low, high = interval(counts.right, counts.images)
    yield Figure(
        percent(counts.accuracy),
        f"accuracy (95 % interval {percent(low)} to {percent(high)})",
        f"of {images(counts.images)}. Each was predicted by a classifier that had seen neither it, nor its copies, nor "
        "the fifth of its class that lies around it.",
    )
    if evaluation.random:
        random = evaluation.random
        yield Figure(
            percent(random.right / random.images),
            "accuracy on randomly chosen images, for comparison",
            f"of {images(random.images)}. This flatters: near-copies of a random image, such as the next photograph of "
            "the same thing, were used to fit the classifier. Expect the first figure for new images.",
        )
    yield Figure(
        percent(found.macro.f1),
        "F1, every class alike (macro)",
        f"and {percent(found.weighted.f1)} with every class by its images (weighted). A macro F1 below the weighted "
        "one says that small classes are recognised worse.",
    )
    yield Figure(
        percent(counts.calibration_error),
        "calibration error",
        "How far the probabilities are from the truth: of the predictions with a probability of 90 %, 90 % should be "
        "right.",
    )
