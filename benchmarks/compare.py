"""Compare networks on the images of a folder: speed, size, components, accuracy and cost.

python -m benchmarks.compare IMAGES [--backbones a,b] [--weights NAME=FILE,NAME=FILE] [--results FILE]

`make compare` runs it. It prints a table, and writes the results with a page and a picture beside them. A network
whose weights cannot be had is measured with random ones: its speed and size are right, and it has no accuracy.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import models
from benchmarks.accuracy import Archive, HeldOut, features_of, featurized
from benchmarks.cost import pomona_parts, prices
from benchmarks.figures import MARGINAL_RATE, Figures, Measured, figures
from benchmarks.networks import RANDOM, Network, graph
from benchmarks.pictures import members
from benchmarks.places import PYTHON, RESULTS, ROOT, BenchError
from benchmarks.results import read
from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.evaluation import interval
from pomona.classifier.folds import FOLDS
from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount, VarianceShare
from pomona.pca.model import fit
from pomona.projection import project

FOREST = ROOT / "benchmarks" / "field" / "random_forest.py"
FOREST_COMPONENTS = 100
TIMED, WARM_UP, REPEATS = 100, 10, 3
MILLION = 1_000_000
PUBLISHED_CLASSES = ("Apple Red 1", "Dates", "Kaki")
"""The published pipeline explains .9240 of the variance of their 496 test images with 100 components."""
Document = dict[str, Any]


def compare(source: Path, names: Sequence[str], weights: Mapping[str, Path], results: Path) -> Document:
    """Measure the networks in turn, and write the results after each."""
    from benchmarks.machine import cores, processor  # psutil is in the environment of the benchmarks alone

    document: Document = {
        "machine": {"processor": processor(), "cores": cores()},
        "images": {},
        "networks": {},
    }
    for name in names:
        print(f"measuring {name}", flush=True)
        document["networks"][name] = measure(graph(name, weights.get(name)), source, document["images"], cores())
        models.write(document, results)
    return document


def measure(network: Network, source: Path, images: Document, processes: int) -> Document:
    """Return the figures of a network; note what images they are of."""
    backbone = load_backbone(network.name, network.folder)
    rate = images_per_core_second(backbone, source)
    found: Document = {
        "width": backbone.output_width,
        "input": backbone.height,
        "network_megabytes": round(backbone.file.stat().st_size / 1e6, 1),
        "images_per_core_second": round(rate, 1),
        "dollars_per_million": round(dollars(rate), 2),
        "weights": None if network.source == RANDOM else network.source,
    }
    if network.source == RANDOM:
        return found
    archive = featurized(source, backbone, processes)
    images |= {
        "source": source.name,
        "images": len(archive.keys),
        "classes": len(set(archive.labels)),
        "left_out": archive.left_out,
    }
    return found | stored(archive.features) | components(archive.features) | accuracies(archive) | published(archive)


def images_per_core_second(backbone: ExportedBackbone, source: Path) -> float:
    """Return how many images a core decodes, resizes and featurizes in a second of its own time, at best."""
    bodies = [body for _, body in islice(members(source), TIMED)]
    for body in bodies[:WARM_UP]:
        features_of(backbone, body)
    best = float("inf")
    for _ in range(REPEATS):
        begun = time.process_time()
        for body in bodies:
            features_of(backbone, body)
        best = min(best, time.process_time() - begun)
    return len(bodies) / best


def dollars(rate: float) -> float:
    """Return what a million new images cost, as docs/cost.md computes it, with the engine at another rate.

    What a job does beside the engine takes as long for every network: the difference of the two rates of mobilenet_v2
    in results.json.
    """
    figure = figures()
    beside = 1 / figure.images_per_core_second - 1 / bare_rate(figure)
    changed = replace(figure, images_per_core_second=1 / (1 / rate + beside))
    return sum(pomona_parts(MILLION, changed, prices()).values())


def bare_rate(figure: Figures) -> float:
    """Return the measured rate of the engine without a job, of one core."""
    return float(Measured(read(RESULTS)).row("engine", MARGINAL_RATE)["theirs"]) / figure.cores


def stored(features: NDArray[np.float32]) -> Document:
    """Return the megabytes of a million rows of features, in Parquet as the table has them."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    content = io.BytesIO()
    pq.write_table(pa.table({"features": lists}), content, compression="zstd", use_dictionary=False)
    return {"table_megabytes_per_million": round(len(content.getvalue()) / len(features))}


def components(features: NDArray[np.float32]) -> Document:
    """Return how many components explain 90 and 95 % of the variance, and what 100 explain."""
    moments = CoMoments.of(features)
    return {
        "components_90": len(fit(moments, VarianceShare(0.9)).components),
        "components_95": len(fit(moments, VarianceShare(0.95)).components),
        "variance_100": round(fit(moments, ComponentCount(100)).variance, 4),
    }


def accuracies(archive: Archive) -> Document:
    """Return the accuracy of both classifiers on the same held-out images; nothing for fewer than two classes."""
    if len(set(archive.labels)) < 2:
        return {}
    held_out = HeldOut.of(archive)
    counts = held_out.counts(archive)
    low, high = interval(counts.right, counts.images)
    return {
        "lda_accuracy": round(counts.accuracy, 4),
        "lda_interval_95": [round(low, 4), round(high, 4)],
        "forest_accuracy": round(forest_accuracy(archive.features, held_out), 4),
    }


def forest_accuracy(features: NDArray[np.float32], held_out: HeldOut) -> float:
    """Return the share of images that a random forest gets right that was fitted, with its PCA, without their fold."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for fold in range(FOLDS):
            is_test = held_out.folds == fold
            if not is_test.any() or is_test.all():
                continue
            pca = fit(CoMoments.of(features[~is_test]), ComponentCount(FOREST_COMPONENTS))
            files.append(Path(folder) / f"{fold}.npz")
            np.savez(
                files[-1],
                train=project(features[~is_test], pca),
                train_codes=held_out.codes[~is_test],
                test=project(features[is_test], pca),
                test_codes=held_out.codes[is_test],
            )
        ended = subprocess.run([PYTHON, FOREST, *files], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchError(f"the random forest failed: {ended.stderr.strip().splitlines()[-1]}")
    right: list[int] = json.loads(ended.stdout)
    return sum(right) / len(features)


def published(archive: Archive) -> Document:
    """Return the variance that 100 components explain of the images of PUBLISHED_CLASSES, if the archive has them."""
    chosen = np.isin(archive.labels, PUBLISHED_CLASSES)
    if set(np.array(archive.labels)[chosen]) != set(PUBLISHED_CLASSES):
        return {}
    pca = fit(CoMoments.of(archive.features[chosen]), ComponentCount(100))
    return {"published_classes": {"images": int(chosen.sum()), "variance_100": round(pca.variance, 4)}}


def main(words: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--backbones", default="fruitnet,mobilenet_v2", help="names of the registry, with commas")
    parser.add_argument(
        "--weights", default="", help="NAME=FILE of networks whose weights Keras cannot fetch, with commas"
    )
    parser.add_argument("--results", type=Path, default=ROOT / "compare-out" / models.RESULTS_NAME)
    asked = parser.parse_args(words)
    if not asked.images.exists():
        raise BenchError(f"IMAGES is {asked.images}: there is no such file or folder")
    weights = {name: Path(file) for name, _, file in (pair.partition("=") for pair in asked.weights.split(",") if pair)}
    names = [name for name in asked.backbones.split(",") if name]
    document = compare(asked.images, names, weights, asked.results)
    print("\n".join(models.table(document)))
    print(f"wrote {', '.join(str(path) for path in models.write(document, asked.results))}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
