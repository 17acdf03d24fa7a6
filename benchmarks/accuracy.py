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

from benchmarks.networks import graph
from benchmarks.pictures import members
from benchmarks.places import BenchError
from benchmarks.template import template_settings
from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.class_moments import FoldMomentsBuilder
from pomona.classifier.classes import Classes
from pomona.classifier.copies import CopySurvey
from pomona.classifier.documents import HoldOut
from pomona.classifier.evaluation import PredictionCounts, figures, interval
from pomona.classifier.folds import FOLDS, Folds, KeySample, content_hashes
from pomona.classifier.hold_out import random_hold_out
from pomona.classifier.lda import probabilities
from pomona.classifier.selection import SAMPLED_ROWS, CrossValidated, SampledRows, cross_validate
from pomona.imaging.decoding import decode, resize
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona.table.schema import label_of

IMAGES_AT_ONCE = 64
_engines: dict[ExportedBackbone, InferenceEngine] = {}


@dataclass(frozen=True, eq=False)
class Archive:
    """The features [n, d] of an archive's images, with their keys, labels and etags.

    left_out  how many more images cannot be read
    """

    features: NDArray[np.float32]
    keys: list[str]
    labels: list[str]
    etags: list[str]
    left_out: int


def featurized(source: Path, backbone: ExportedBackbone, processes: int) -> Archive:
    """Return the features of all images of a tar or folder."""
    keys, etags, rows, left_out = [], [], [], 0
    with get_context("spawn").Pool(processes) as pool:
        for key, etag, features in pool.imap(partial(_featurize, backbone), members(source), IMAGES_AT_ONCE):
            if features is None:
                left_out += 1
                continue
            keys.append(key)
            etags.append(etag)
            rows.append(features)
    if not rows:
        raise BenchError(f"{source} has no images that can be read")
    return Archive(np.stack(rows), keys, [label_of(key) or "" for key in keys], etags, left_out)


def _featurize(backbone: ExportedBackbone, image: tuple[str, bytes]) -> tuple[str, str, NDArray[np.float32] | None]:
    key, body = image
    return key, hashlib.md5(body, usedforsecurity=False).hexdigest(), features_of(backbone, body)


def features_of(backbone: ExportedBackbone, body: bytes) -> NDArray[np.float32] | None:
    """Return the features [d] of an image file; None if it cannot be read. A process loads each network once."""
    if backbone not in _engines:
        _engines[backbone] = InferenceEngine(backbone)
    side = (backbone.height, backbone.width)
    try:
        pixels = resize(decode(body, *side, _limits()).image, *side)
    except ImageError:
        return None
    return _engines[backbone].run(pixels)


@cache
def _limits() -> Limits:
    settings = template_settings()
    return Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the refit's classifier makes of an archive: each image is predicted without its fold.

    codes, folds  of each image [n]
    """

    classes: Classes
    codes: NDArray[np.int64]
    folds: NDArray[np.int8]
    found: CrossValidated
    random: HoldOut | None

    @classmethod
    def of(cls, archive: Archive) -> "HeldOut":
        """Cut the folds, choose shrinkage and temperature, and fit, as the refit does."""
        sample = KeySample()
        sample.add(archive.labels, archive.keys)
        classes = Classes.largest(sample.counts)
        cut, contents = Folds.of(sample), content_hashes(archive.etags, archive.keys)
        copies = CopySurvey()
        copies.add(contents, np.zeros(len(contents), np.int64), *cut.ranges(archive.labels, archive.keys))
        folds = cut.with_copies(copies.result()).of_rows(archive.labels, archive.keys, archive.etags)
        codes = classes.codes(archive.labels)
        builder = FoldMomentsBuilder(archive.features.shape[1])
        builder.add(archive.features, folds, codes)
        moments = builder.finish()
        drawn = np.random.default_rng(0).permutation(len(codes))[:SAMPLED_ROWS]
        rows = SampledRows(archive.features, folds, codes).taken(drawn)
        found = cross_validate(moments, len(classes.labels), rows)
        return cls(classes, codes, folds, found, random_hold_out(moments, len(classes.labels), rows, found.shrinkage))

    def counts(self, archive: Archive) -> PredictionCounts:
        """Return what the held-out predictions add up to."""
        return _counted(self.codes, self.found.scores(archive.features, self.folds), self.folds)


def measure(training: Archive, test: Archive) -> Iterator[str]:
    """Yield the lines of the table: held-out accuracy within the training images, and accuracy on the test images."""
    held_out = HeldOut.of(training)
    classes, found, random = held_out.classes, held_out.found, held_out.random
    for name, archive in (("training", training), ("test", test)):
        if archive.left_out:
            yield f"{archive.left_out} {name} images cannot be read and were left out"
    yield f"{len(classes.labels)} classes, shrinkage {found.shrinkage}, temperature {found.temperature:.2f}"
    yield _line("held out, contiguous folds", held_out.counts(training), len(classes.labels))
    if random:
        yield f"held out, random images: {random.right / random.images:.4f} of {random.images}"
    known = np.array([label in classes.labels for label in test.labels])
    scores = found.whole.scores(test.features[known])
    counts = _counted(classes.codes(test.labels)[known], scores, np.zeros(known.sum(), int))
    yield _line("test images", counts, len(classes.labels))


def _counted(codes: NDArray[np.int64], scores: NDArray[np.float64], folds: NDArray[np.integer]) -> PredictionCounts:
    counts = PredictionCounts()
    counts.add(codes, scores.argmax(axis=1), probabilities(scores).max(axis=1), folds)
    return counts


def _line(what: str, counts: PredictionCounts, classes: int) -> str:
    low, high = interval(counts.right, counts.images)
    labels = [str(code) for code in range(classes)]
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
    folder = graph(asked.backbone, asked.weights).folder
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
