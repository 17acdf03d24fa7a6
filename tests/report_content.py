"""A report of any number of classes, with every section filled, for tests and for looking at it."""

import io
from collections import Counter
from functools import cache

import numpy as np
from PIL import Image

from pomona.classifier.classes import Classes
from pomona.classifier.distinct import DistinctCount
from pomona.classifier.documents import Evaluation, HoldOut
from pomona.classifier.evaluation import PredictionCounts
from pomona.classifier.lda import LinearClassifier
from pomona.classifier.suspects import Suspect, Suspects
from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount
from pomona.pca.drift import drift
from pomona.pca.model import PcaModel, fit
from pomona.projection import FittedModel, project
from pomona.refit.history import PastRefit
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report.page import Report
from pomona.refit.report.picks import pick
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import RecordedRun, RecordedRuns
from pomona.refit.storage_choices import StorageChoice, StorageChoices

WIDTH, COMPONENTS = 40, 12
SAMPLED = 4000
OUTCOMES = {"done": 123_456, "unchanged": 90, "deleted": 5, "absent": 1, "errors": 1400, "unread": 0}
SECONDS = dict.fromkeys(
    ("session", "plan", "get", "decode", "resize", "inference", "write", "commit", "maintenance"), 1234.5
)
RECORD = {
    "format": 1,
    "attempt": 1,
    "started_at": "2025-06-01T10:00:00+00:00",
    "keys": 125_000,
    "images": OUTCOMES,
    "seconds": SECONDS | {"total": 8731.5},
    "fallbacks": {"keys": 1200, "errors": 34},
}
BILL = {"state": "SUCCESS", "seconds": 8731, "vcpu_hours": 12.345, "cost": 0.9361, "currency": "USD", "attempt": 1}
FAILED = BILL | {"state": "FAILED", "reason": "3 of 125,000 images could not be read: S3 says SlowDown, the first 'a'"}


def names_of(classes: int) -> list[str]:
    fruits = ("Apple", "Pear", "Plum", "Orange", "Tomato", "Cherry", "Grape", "Physalis with Husk", "Cantaloupe")
    return [f"{fruits[i % len(fruits)]} {i // len(fruits) + 1}" for i in range(classes)]


@cache
def usual_report(classes: int) -> Report:
    """Return a report of so many classes with usual names; it is shared, so nothing in it may be changed."""
    return report_of(names_of(classes))


def report_of(
    labels: list[str], *, thumbnail_bytes: int | None = None, key: str = "{label}/r{number}_100.jpg"
) -> Report:
    """Return a report of these classes; its pictures are drawn, or are of so many bytes."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(len(labels), WIDTH)) * 1.2
    codes = np.sort(rng.integers(0, len(labels), SAMPLED))
    features = means[codes] + rng.normal(size=(SAMPLED, WIDTH))
    features[1::400] = features[::400] + 1e-3
    pca = fit(CoMoments.of(features), ComponentCount(COMPONENTS))
    counts = np.bincount(codes, minlength=len(labels)) * 30
    model = FittedModel.of(pca, tuple(labels), counts, LinearClassifier(means, np.zeros(len(labels))))
    earlier_counts = counts // 2
    earlier = FittedModel.of(
        fit(CoMoments.of(features[::2]), ComponentCount(COMPONENTS)),
        tuple(labels[:-1]),
        earlier_counts[:-1],
        model.classifier,
    )
    projected = project(features, pca)
    keys = [key.format(label=labels[code], number=number) for number, code in enumerate(codes)]
    sample = ProjectionSample(SAMPLED * 30, keys, [labels[code] for code in codes], projected[:, :4].tolist())
    sample.classes.update(sample.labels)
    sample.buckets.update({"images": SAMPLED})
    sample.blocks.append(projected.astype(np.float32))
    evaluation = _evaluation(labels, codes, keys, rng)
    picks = pick(sample, evaluation.suspects, dict(zip(labels, project(means, pca), strict=True)))
    return Report(
        summary=summary_of(model),
        model=model,
        statistics=_statistics(labels),
        sample=sample,
        runs=RecordedRuns(
            [RecordedRun("20261121T080000000Z-a-1", RECORD, BILL), RecordedRun("20261120T080000000Z-b-1", {}, FAILED)]
            * 5,
            10,
            [
                RecordedRun("refit-7-20261121T090000000Z", {}, BILL),
                RecordedRun("refit-6-20261120T090000000Z", {}, FAILED),
            ],
            2,
        ),
        seconds={"session": 6.0, "gather": 10.5, "pictures": 3.1, "total": 18.0},
        evaluation=evaluation,
        earlier=earlier,
        drift=drift(pca, earlier),
        history=[
            PastRefit(f"2025-05-{day:02d}T11:00:00+00:00", 100_000 + day, 40, 60, 0.91, 0.97, 0.15, "USD")
            for day in range(14, 0, -1)
        ],
        storage=StorageChoices(
            tuple(
                StorageChoice(f"{k} components", kind, k * size, 0.9, 0.95)
                for k in (10, 20, 50, 100)
                for kind, size in (("float32", 4), ("float16", 2), ("int8", 1))
            ),
            4000,
        ),
        picks=picks,
        thumbnails={one: _picture(number, thumbnail_bytes) for number, one in enumerate(picks.keys)},
    )


def _evaluation(labels: list[str], codes: np.ndarray, keys: list[str], rng: np.random.Generator) -> Evaluation:
    predicted = np.where(rng.random(SAMPLED) < 0.1, (codes + rng.integers(1, 4, SAMPLED)) % len(labels), codes)
    tally = PredictionCounts()
    tally.add(codes, predicted, rng.uniform(0.8, 1, SAMPLED), rng.integers(0, 5, SAMPLED))
    tally.confusion = Counter({pair: 30 * images for pair, images in tally.confusion.items()})
    suspects = Suspects()
    suspects.add(
        [
            Suspect(float(9 - place / 1000), keys[place], labels[codes[place]], labels[predicted[place]], 0.987)
            for place in np.flatnonzero(codes != predicted)
        ]
    )
    return Evaluation(
        classes=Classes(tuple(labels), 3),
        images_of=dict(zip(labels, (np.bincount(codes, minlength=len(labels)) * 30).tolist(), strict=True)),
        evaluated=[True] * len(labels),
        counts=tally,
        suspects=suspects,
        shrinkage=0.01,
        temperature=1.0,
        random=HoldOut(1000, 970),
    )


def _statistics(labels: list[str]) -> RowStatistics:
    reasons = ("not an image", "truncated", "too many pixels", "damaged JPEG")
    groups = Counter({(labels[i % len(labels)], reasons[i % 4]): 100 - i for i in range(40)})
    failures = tuple((f"{labels[i % len(labels)]}/broken {i}.jpg", f"{reasons[i % 4]}: it is {i}") for i in range(200))
    return RowStatistics(120_000, groups.total(), 3, DistinctCount(labels), failures, groups)


def summary_of(model: PcaModel) -> dict:
    """The content of `latest.json` after a refit with this model."""
    return {
        "format": 1,
        "snapshot_id": 4711,
        "sequence_number": 3,
        "committed_at": "2025-06-01T10:20:30.123456+00:00",
        "prefix": "results/4711/",
        "components": len(model.components),
        "components_asked": "100",
        "variance": model.variance,
        "rows": model.rows,
        "backbone": "fruitnet@0123456789ab",
        "refitted_at": "2025-06-01T11:00:00+00:00",
    }


def _picture(number: int, size: int | None) -> bytes:
    if size is not None:
        return b"\0" * size
    colour = tuple((number * step) % 256 for step in (37, 91, 151))
    content = io.BytesIO()
    Image.new("RGB", (96, 72), colour).save(content, format="WEBP")
    return content.getvalue()
