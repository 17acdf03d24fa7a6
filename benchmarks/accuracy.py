"""Accuracy of the refit's classifier on images that it has not seen: trained on one archive, tested on another.

python -m benchmarks.accuracy TRAINING TEST [--backbone NAME] [--weights FILE] [--processes N]

The job's own modules read and featurize the images, and the refit's classifier is fitted, without Spark. An archive is
a tar or a folder. The label of an image is its parent folder.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.networks import network
from benchmarks.pictures import members
from benchmarks.places import ROOT, BenchError
from benchmarks.template import template_settings
from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.class_moments import FoldMomentsBuilder
from pomona.classifier.classes import Classes
from pomona.classifier.evaluation import PredictionCounts, figures, interval
from pomona.classifier.folds import FOLDS, Folds, KeySample, content_hashes
from pomona.classifier.hold_out import random_hold_out
from pomona.classifier.lda import probabilities
from pomona.classifier.repeats import Repeats
from pomona.classifier.selection import SAMPLED_ROWS, SampledRows, cross_validate
from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona.table.schema import label_of

IMAGES_AT_ONCE = 64
_engines: dict[ExportedBackbone, InferenceEngine] = {}


@dataclass(frozen=True, eq=False)
class Archive:
    """The features [n, d] of an archive's images, with their keys, labels and etags."""

    features: NDArray[np.float32]
    keys: list[str]
    labels: list[str]
    etags: list[str]


def featurized(source: Path, backbone: ExportedBackbone, processes: int) -> Archive:
    """Return the features of all images of a tar or folder; an image that cannot be read ends the measurement."""
    keys, etags, rows = [], [], []
    with get_context("spawn").Pool(processes) as pool:
        for key, etag, features in pool.imap(partial(_featurize, backbone), members(source), IMAGES_AT_ONCE):
            keys.append(key)
            etags.append(etag)
            rows.append(features)
    if not rows:
        raise BenchError(f"{source} has no images")
    return Archive(np.stack(rows), keys, [label_of(key) or "" for key in keys], etags)


def _featurize(backbone: ExportedBackbone, image: tuple[str, bytes]) -> tuple[str, str, NDArray[np.float32]]:
    key, body = image
    if backbone not in _engines:
        _engines[backbone] = InferenceEngine(backbone)
    side = (backbone.height, backbone.width)
    pixels = resize(decode(body, *side, _limits()).image, *side)
    return key, hashlib.md5(body, usedforsecurity=False).hexdigest(), _engines[backbone].run(pixels)


@cache
def _limits() -> Limits:
    settings = template_settings()
    return Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)


def measure(training: Archive, test: Archive) -> Iterator[str]:
    """Yield the lines of the table: held-out accuracy within the training images, and accuracy on the test images."""
    sample, repeats = KeySample(), Repeats.for_values(len(training.keys))
    sample.add(training.labels, training.keys)
    repeats.add(content_hashes(training.etags, training.keys))
    classes = Classes.largest(sample.counts)
    folds = Folds.of(sample, repeats).of_rows(training.labels, training.keys, training.etags)
    codes = classes.codes(training.labels)
    builder = FoldMomentsBuilder(training.features.shape[1])
    builder.add(training.features, folds, codes)
    moments = builder.finish()
    drawn = np.random.default_rng(0).permutation(len(codes))[:SAMPLED_ROWS]
    rows = SampledRows(training.features, folds, codes).taken(drawn)
    found = cross_validate(moments, len(classes.labels), rows)
    yield f"{len(classes.labels)} classes, shrinkage {found.shrinkage}, temperature {found.temperature:.2f}"
    yield _line("held out, contiguous folds", codes, found.scores(training.features, folds), folds)
    random = random_hold_out(moments, len(classes.labels), rows, found.shrinkage)
    if random:
        yield f"held out, random images: {random.right / random.images:.4f} of {random.images}"
    known = np.array([label in classes.labels for label in test.labels])
    scores = found.whole.scores(test.features[known])
    yield _line("test images", classes.codes(test.labels)[known], scores, np.zeros(known.sum(), int))


def _line(what: str, codes: NDArray[np.int64], scores: NDArray[np.float64], folds: NDArray[np.integer]) -> str:
    counts, predicted = PredictionCounts(), scores.argmax(axis=1)
    counts.add(codes, predicted, probabilities(scores).max(axis=1), folds)
    low, high = interval(counts.right, counts.images)
    labels = [str(code) for code in range(scores.shape[1])]
    return (
        f"{what}: {counts.accuracy:.4f} of {counts.images} (95 %: {low:.4f} to {high:.4f}), "
        f"macro F1 {figures(counts, labels).macro.f1:.4f}, calibration error {counts.calibration_error:.4f}"
    )


def main(words: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("training", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--backbone", default="fruitnet")
    parser.add_argument("--weights", type=Path, help="of a backbone that is not fruitnet")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(words)
    is_committed = (ROOT / "backbones" / f"{asked.backbone}.tflite").exists()
    folder = ROOT / "backbones" if is_committed else network(asked.backbone, asked.weights).folder
    backbone = load_backbone(asked.backbone, folder)
    archives = [featurized(source, backbone, asked.processes) for source in (asked.training, asked.test)]
    print(f"{backbone.label}, {backbone.output_width} features; {FOLDS} folds")
    for line in measure(*archives):
        print(line)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
