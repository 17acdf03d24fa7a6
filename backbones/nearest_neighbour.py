"""Measure a backbone: how often the nearest neighbour of a test image, among the training images, has its class.

    .venv/backbones/bin/python backbones/nearest_neighbour.py TRAINING_TAR TEST_TAR [--graph FILE]

The neighbour is the one with the largest cosine of the features. Nothing is trained on them: this is what they are
worth as they are.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np

from engine import Engine
from images import Labelled, archive_path, load_rgb, read_archive
from quiet import without_chatter

HERE = Path(__file__).resolve().parent
BLOCK = 1000  # test images compared at once: a block of cosines of 12,000 references takes 48 MB
CHUNK = 32

_engine: Engine


def start_worker(graph: Path) -> None:
    """Load the graph once in each process."""
    global _engine
    with without_chatter():
        _engine = Engine(graph)


def features_of(content: bytes) -> np.ndarray:
    """Return the features, float32 [output_width], of one image file."""
    return _engine(load_rgb(content, _engine.side))


def features(data: Labelled, graph: Path, name: str) -> np.ndarray:
    """Return float32 [n, output_width], each row of length 1; all processors work at it."""
    rows = []
    with multiprocessing.Pool(initializer=start_worker, initargs=(graph,)) as pool:
        for row in pool.imap(features_of, data.contents, CHUNK):
            rows.append(row)
            if len(rows) % 500 == 0 or len(rows) == len(data):
                print(f"\r{name}: {len(rows)} of {len(data)} images", end="", flush=True)
    print()
    found = np.stack(rows)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return, for each of `queries` [n, width], the index of the row of `references` with the largest cosine.

    Rows are of length 1. Takes n x m x width multiplications and BLOCK x m numbers of memory.
    """
    starts = range(0, len(queries), BLOCK)
    return np.concatenate([(queries[at : at + BLOCK] @ references.T).argmax(axis=1) for at in starts])


def accuracy(training: Labelled, test: Labelled, graph: Path) -> float:
    """Return the share of `test` whose nearest neighbour in `training` is of the same class."""
    references = features(training, graph, "training")
    neighbours = nearest(features(test, graph, "test"), references)
    said = np.array(training.classes)[training.labels[neighbours]]
    return float(np.mean(said == np.array(test.classes)[test.labels]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=archive_path, help="archive of the references: fruits-360-training.tar")
    parser.add_argument("test", type=archive_path, help="archive of the images to name: fruits-360-test.tar")
    parser.add_argument("--graph", type=Path, default=HERE / "fruitnet.tflite", help="the backbone to measure")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    training, test = read_archive(options.training), read_archive(options.test)
    share = accuracy(training, test, options.graph)
    print(
        f"1-NN accuracy {share:.4f} ({options.graph.name}, cosine, {len(training)} references, "
        f"{len(test)} test images, {len(training.classes)} classes)"
    )


if __name__ == "__main__":
    main()
