"""The heat map of the classes that are confused most."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pomona.classifier.documents import Evaluation
from pomona.refit.report.wording import percent, short

MOST_CLASSES = 30
LONGEST_LABEL = 24
TOLD_PAIRS = 5


@dataclass(frozen=True)
class HeatCell:
    """How many images of the row's class were taken for the column's.

    `strength` is the square root of their share, in per cent, so that small shares can be seen.
    """

    images: int
    strength: int
    kind: str
    """CSS class: right, wrong or none."""
    title: str


@dataclass(frozen=True)
class HeatRow:
    """A class with its cells, one for each column, and how many images were taken for other classes than these."""

    label: str
    cells: Sequence[HeatCell]
    elsewhere: int


@dataclass(frozen=True)
class HeatMap:
    """True classes in rows, predicted ones in columns; without rows if nothing was confused."""

    labels: Sequence[str]
    rows: Sequence[HeatRow]
    sentence: str
    """What the map shows, in words."""


def heat_map(evaluation: Evaluation | None) -> HeatMap:
    """Return the map of the MOST_CLASSES classes with the most wrong predictions, of them or for them."""
    if evaluation is None:
        return HeatMap((), (), "")
    confusion, labels = evaluation.counts.confusion, evaluation.classes.labels
    wrong = {pair: images for pair, images in confusion.items() if pair[0] != pair[1]}
    if not wrong:
        return HeatMap((), (), "No image was taken for one of another class.")
    chosen = _chosen(wrong)
    totals: Counter[int] = Counter()
    for (true, _), images in confusion.items():
        totals[true] += images
    rows = [_row(true, chosen, confusion, totals[true], labels) for true in chosen]
    return HeatMap([short(labels[code], LONGEST_LABEL) for code in chosen], rows, _sentence(wrong, totals, labels))


def _chosen(wrong: dict[tuple[int, int], int]) -> list[int]:
    """Return the classes of the most frequent confusions; classes that are confused with each other lie together."""
    chosen: dict[int, None] = {}
    for pair, _ in sorted(wrong.items(), key=lambda item: (-item[1], item[0])):
        if len({*chosen, *pair}) <= MOST_CLASSES:
            chosen.update(dict.fromkeys(pair))
    return list(chosen)


def _row(
    true: int, chosen: Sequence[int], confusion: Counter[tuple[int, int]], total: int, labels: Sequence[str]
) -> HeatRow:
    cells = [_cell(confusion[true, predicted], total, labels[true], labels[predicted]) for predicted in chosen]
    return HeatRow(short(labels[true], LONGEST_LABEL), cells, total - sum(cell.images for cell in cells))


def _cell(images: int, total: int, label: str, predicted: str) -> HeatCell:
    if not images:
        return HeatCell(0, 0, "none", "")
    share = images / total
    told = f"{short(label)} taken for {short(predicted)}: {images:,} of {total:,} ({percent(share)})"
    return HeatCell(images, round(100 * math.sqrt(share)), "right" if label == predicted else "wrong", told)


def _sentence(wrong: dict[tuple[int, int], int], totals: Counter[int], labels: Sequence[str]) -> str:
    first = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:TOLD_PAIRS]
    told = (
        f"{short(labels[true], LONGEST_LABEL)} for {short(labels[predicted], LONGEST_LABEL)} "
        f"({images:,} of {totals[true]:,})"
        for (true, predicted), images in first
    )
    return f"Taken for another class most often: {'; '.join(told)}."
