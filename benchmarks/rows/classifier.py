"""The classifier's share of the refit's time: a table with classes beside the same table without labels."""

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, interleaved
from benchmarks.deployment import Deployment, Job
from benchmarks.results import Goal, Row, Samples
from benchmarks.rows.refit import filled, passes
from pomona.classifier.classes import Classes
from pomona.classifier.folds import Folds, KeySample, content_hashes
from pomona.classifier.repeats import Repeats
from pomona_contract.workers import WORKER_VCPUS

SHARE = Goal("≤ 0.15", most=0.15)
CLASSES = 100
PARTS = ("survey", "gather", "classify", "project")


def measure(bench: Bench) -> Iterator[Row]:
    """Both refits in turn.

    What only the classifier needs is in the refit without labels too: the keys and etags of the survey, and the fold of
    each row. Its time is added to the difference: the processes of the driver share it. The survey reads its columns
    for the statistics of the report in any case.
    """
    rows = bench.size(100_000, 2_000)
    with_classes, without = filled(bench, rows, CLASSES), filled(bench, rows, CLASSES, labels=False)
    jobs: dict[str, list[Job]] = {"ours": [], "theirs": []}

    def refitted(side: str, deployment: Deployment) -> float:
        jobs[side].append(deployment.refit())
        return jobs[side][-1].seconds

    measures = {"ours": partial(refitted, "ours", with_classes), "theirs": partial(refitted, "theirs", without)}
    taken = interleaved(bench.size(5, 1), measures)
    folds = fold_seconds(rows) / WORKER_VCPUS
    extra = taken["ours"].median - taken["theirs"].median + folds
    yield SHARE.row(
        f"the classifier's share of a refit of {rows:,} rows in {CLASSES} classes",
        ours=taken["ours"].median,
        theirs=taken["theirs"].median,
        unit="s",
        ratio=extra / taken["ours"].median,
        note="whole jobs; theirs is our own refit of the same rows without labels, which looks for classes too",
        details={
            "classifier_seconds": round(extra, 2),
            "of_it_folds": round(folds, 2),
            "parts": {name: _median(jobs["ours"], name) for name in PARTS},
            "parts_without_labels": {name: _median(jobs["theirs"], name) for name in PARTS},
            "seconds_of_the_cores": {side: _cores(made) for side, made in jobs.items()},
            **{f"{side}_samples": str(samples) for side, samples in taken.items()},
        },
    )


def _cores(jobs: list[Job]) -> float:
    return round(Samples([job.process.cpu_seconds for job in jobs]).median, 1)


def _median(jobs: list[Job], name: str) -> float:
    return round(Samples([passes(job).get(name, 0.0) for job in jobs]).median, 3)


def fold_seconds(rows: int) -> float:
    """Return the seconds of one core to cut the folds of so many rows, and to find each row's."""
    keys = [f"{'az'[number % 2]}/{number:07d}.jpg" for number in range(rows)]
    labels = [f"class {number % CLASSES}" for number in range(rows)]
    etags = [f"{number:032x}" for number in range(rows)]
    begun = time.process_time()
    sample, repeats = KeySample(), Repeats.for_values(rows)
    sample.add(labels, keys)
    repeats.add(content_hashes(etags, keys))
    classes, folds = Classes.largest(sample.counts), Folds.of(sample)
    repeats.hold(content_hashes(etags, keys))
    classes.codes(labels)
    folds.of_rows(labels, keys, etags)
    return time.process_time() - begun
