"""What has changed since the last refit: components, means, and the number of images of each class."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pomona.pca.drift import Drift
from pomona.projection import FittedModel
from pomona.refit.history import PastRefit
from pomona.refit.report.tables import Cell, Table
from pomona.refit.report.wording import UNKNOWN, count, images, money, percent, readable, short

SHOWN_CHANGES = 20
SMALL_ANGLE, LARGE_ANGLE = 5, 30  # degrees


@dataclass(frozen=True)
class Changes:
    """Sentences about the change, and the table of the classes whose images have become more or fewer."""

    sentences: Sequence[str]
    classes: Table


def changes(model: FittedModel, earlier: FittedModel | None, moved: Drift | None) -> Changes:
    """Return the changes since `earlier`, a model of the same backbone; None if there is none."""
    if earlier is None or moved is None:
        return Changes(("There is no earlier refit with this network to compare with.",), _classes_table([], 0))
    before, now = _counts(earlier), _counts(model)
    changed = [
        (label, before.get(label, 0), now.get(label, 0))
        for label in {*before, *now}
        if before.get(label) != now.get(label)
    ]
    changed.sort(key=lambda one: (-abs(one[2] - one[1]), one[0]))
    return Changes(tuple(_sentences(model, moved, before, now)), _classes_table(changed[:SHOWN_CHANGES], len(changed)))


def history_table(present: PastRefit, past: Sequence[PastRefit]) -> Table:
    """Return the figures of this refit and of those before it, newest first."""
    head = ["refitted", "images", "failed", "classes", "variance", "accuracy", "cost"]
    rows = [[Cell(text) for text in _history(one)] for one in (present, *past)]
    return Table(head, rows, "", "numbers")


def _history(one: PastRefit) -> Iterator[str]:
    yield readable(one.refitted_at)
    yield from (count(number) for number in (one.rows, one.errors, one.classes))
    yield from (percent(share) for share in (one.variance, one.accuracy))
    yield UNKNOWN if one.cost is None else money(one.cost, one.currency)


def _counts(model: FittedModel) -> Mapping[str, int]:
    counts = [] if model.class_counts is None else model.class_counts.tolist()
    return dict(zip(model.classes, counts, strict=True))


def _sentences(model: FittedModel, moved: Drift, before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    yield f"{images(model.rows)} now, {moved.rows_before:,} then."
    if new := sorted({*now} - {*before}):
        yield f"New classes ({len(new):,}): {_named(new)}."
    if gone := sorted({*before} - {*now}):
        yield f"Classes that are gone ({len(gone):,}): {_named(gone)}."
    if moved.angles_degrees:
        yield _turn(max(moved.angles_degrees), len(moved.angles_degrees))
    if moved.turned:
        numbers = ", ".join(str(number) for number in moved.turned[:10]) + (" …" if len(moved.turned) > 10 else "")
        yield f"Components that no earlier one resembles: {numbers}."
    yield f"The mean of the features has moved by {moved.mean_shift:.3f} of their standard deviations."


def _turn(angle: float, components: int) -> str:
    told = f"The largest principal angle between the {components:,} old and new components is {angle:.1f}°"
    if angle < SMALL_ANGLE:
        return f"{told}: they span the same space."
    if angle < LARGE_ANGLE:
        return f"{told}: they have turned a little."
    return f"{told}: the least of them are new directions. Compare projections of the two refits with care."


def _named(labels: Sequence[str]) -> str:
    return ", ".join(short(label) for label in labels[:5]) + (" …" if len(labels) > 5 else "")


def _classes_table(changed: Sequence[tuple[str, int, int]], total: int) -> Table:
    caption = f"The {len(changed):,} largest of {total:,} changes." if total > len(changed) else ""
    rows = [
        (Cell(short(label)), Cell(count(then)), Cell(count(now)), Cell(f"{now - then:+,}"))
        for label, then, now in changed
    ]
    return Table(["class", "images then", "images now", "change"], rows, "", "numbers", caption)
