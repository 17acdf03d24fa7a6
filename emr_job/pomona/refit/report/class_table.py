"""The table of the classes: images, errors, how well each is recognised, and what it is taken for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pomona.classifier.documents import Evaluation
from pomona.classifier.evaluation import ClassFigures
from pomona.refit.report.wording import UNKNOWN, count, percent, short

SHOWN_CLASSES = 50


@dataclass(frozen=True)
class ClassCell:
    """A cell; `sort` is what the rows are ordered by, a number or a text."""

    text: str
    sort: str


@dataclass(frozen=True)
class ClassRow:
    """A class. `key` is of its typical image, None without one."""

    label: str
    title: str
    """More of the label, if `label` is a part of it."""
    key: str | None
    cells: Sequence[ClassCell]


@dataclass(frozen=True)
class ClassTable:
    """The classes, the largest first; the script shows SHOWN_CLASSES of them until the others are asked for."""

    columns: Sequence[str]
    rows: Sequence[ClassRow]
    shown: int = SHOWN_CLASSES


COLUMNS = ("images", "failed", "recall", "precision", "most confused with")


def class_table(
    evaluation: Evaluation | None, failed: Mapping[str | None, int], typical: Mapping[str, str], longest: int
) -> ClassTable:
    """Return the table.

    Args:
        evaluation: of the classifier; None without one: then the table has no rows.
        failed: images that failed, by label.
        typical: the key of an image of a class, by label.
        longest: characters of a label that are shown.
    """
    if evaluation is None:
        return ClassTable(COLUMNS, ())
    figures = {one.label: one for one in evaluation.figures.classes if one.support}
    confused = most_confused(evaluation)
    ordered = sorted(evaluation.images_of.items(), key=lambda item: (-item[1], item[0]))
    rows = []
    for label, images in ordered:
        numbers = [_number(images), _number(failed.get(label, 0)), *_shares(figures.get(label))]
        cells = (*numbers, _confusion(confused.get(label), figures.get(label), longest))
        name = short(label, longest)
        rows.append(ClassRow(name, short(label, 3 * longest) if name != label else "", typical.get(label), cells))
    return ClassTable(COLUMNS, rows)


def most_confused(evaluation: Evaluation) -> dict[str, tuple[str, int]]:
    """Return for each label the other class that its images are most often taken for, and how often."""
    labels = evaluation.classes.labels
    wrong: Counter[tuple[int, int]] = Counter(
        {pair: images for pair, images in evaluation.counts.confusion.items() if pair[0] != pair[1]}
    )
    found: dict[str, tuple[str, int]] = {}
    for (true, predicted), images in sorted(wrong.items(), key=lambda item: (-item[1], item[0])):
        found.setdefault(labels[true], (labels[predicted], images))
    return found


def _number(images: int) -> ClassCell:
    return ClassCell(count(images), str(images))


def _shares(figures: ClassFigures | None) -> list[ClassCell]:
    """Return recall and precision; a class that was not evaluated comes last."""
    if figures is None:
        return [ClassCell("not evaluated", "-1"), ClassCell(UNKNOWN, "-1")]
    return [ClassCell(percent(share), f"{share:.4f}") for share in (figures.recall, figures.precision)]


def _confusion(confused: tuple[str, int] | None, figures: ClassFigures | None, longest: int) -> ClassCell:
    if confused is None or figures is None:
        return ClassCell("none" if figures else UNKNOWN, "0")
    label, images = confused
    share = images / figures.support
    return ClassCell(f"{short(label, longest)} ({images:,})", f"{share:.4f}")
