"""The classifier's share of the refit's time: a table with classes beside the same table without labels."""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.bench import Bench, interleaved
from benchmarks.deployment import Job
from benchmarks.results import Goal, Row
from benchmarks.rows.refit import filled, passes
from pomona.classifier.classes import Classes
from pomona.classifier.folds import Folds, KeySample, content_hashes
from pomona.classifier.repeats import Repeats

SHARE = Goal("≤ 0.15", most=0.15)
CLASSES = 100
PARTS = ("gather", "classify", "project")
"""Parts of a refit that do more for a table with classes."""


def measure(bench: Bench) -> Iterator[Row]:
    """Both refits in turn.

    What only the classifier needs is also in the refit without labels: the survey of the keys, and the fold of each row
    in both passes. Their time is added to the difference.
    """
    rows = bench.size(100_000, 2_000)
    with_classes, without = filled(bench, rows, CLASSES), filled(bench, rows, classes=0)
    jobs: dict[str, list[Job]] = {"ours": [], "theirs": []}

    def refitted(side: str) -> float:
        jobs[side].append((with_classes if side == "ours" else without).refit())
        return jobs[side][-1].seconds

    taken = interleaved(bench.size(2, 1), {side: lambda side=side: refitted(side) for side in jobs})  # type: ignore[misc]
    parts = {side: {name: _median(jobs[side], name) for name in (*PARTS, "survey")} for side in jobs}
    folds = 2 * fold_seconds(rows) / bench.platform.cores
    extra = sum(parts["ours"][name] - parts["theirs"][name] for name in PARTS) + parts["ours"]["survey"] + folds
    seconds = taken["ours"].median
    yield SHARE.row(
        f"the classifier's share of a refit of {rows:,} rows in {CLASSES} classes",
        ours=seconds,
        theirs=taken["theirs"].median,
        unit="s",
        ratio=extra / seconds,
        note="whole jobs; theirs is our own refit of the same rows without labels, which looks for classes too",
        details={
            "classifier_seconds": round(extra, 2),
            "folds_of_both_passes": round(folds, 2),
            "parts": parts["ours"],
            "parts_without_labels": parts["theirs"],
            **{f"{side}_samples": str(samples) for side, samples in taken.items()},
        },
    )


def _median(jobs: list[Job], name: str) -> float:
    return round(float(np.median([passes(job).get(name, 0.0) for job in jobs])), 3)


def fold_seconds(rows: int) -> float:
    """Return how long one core takes to find the class and the fold of so many rows."""
    keys = [f"{'az'[number % 2]}/{number:07d}.jpg" for number in range(rows)]
    labels = [f"class {number % CLASSES}" for number in range(rows)]
    etags = [f"{number:032x}" for number in range(rows)]
    sample, repeats = KeySample(), Repeats.for_values(rows)
    sample.add(labels, keys)
    repeats.add(content_hashes(etags, keys))
    classes, folds = Classes.largest(sample.counts), Folds.of(sample, repeats)
    begun = time.process_time()
    classes.codes(labels)
    folds.of_rows(labels, keys, etags)
    return time.process_time() - begun
