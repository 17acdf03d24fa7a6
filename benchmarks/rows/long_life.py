"""A run after a hundred earlier ones on the same table, with the maintenance that the system does by itself."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment
from benchmarks.places import ROOT
from benchmarks.results import Goal, Row, Samples
from benchmarks.tables import data_files
from pomona_intake.runs.parameters import featurize_parameters

GOAL = Goal("≤ 1.3x", most=1.3)
BACKBONE = "fruitnet"  # the table's state is what counts here, and the small network gets there sooner
MANY_RUNS = ROOT / "benchmarks" / "tasks" / "many_runs.py"
SEED = 11


class Life:
    """A table whose images keep changing: each run has keys from all over the table."""

    def __init__(self, bench: Bench, images: int, keys_of_a_run: int) -> None:
        self._bench = bench
        self._objects = list(bench.options.pictures.objects(images))
        self._random = np.random.default_rng(SEED)
        self._size = keys_of_a_run
        self._version = 0
        bucket = bench.cloud.bucket("images")
        bench.cloud.upload(bucket, iter(self._objects))
        self.deployment: Deployment = bench.deployment(bucket, BACKBONE)

    def begin(self) -> None:
        """The first run: all images."""
        self.deployment.featurize([key for key, _ in self._objects])

    def changed(self) -> list[tuple[str, bytes]]:
        """Some of the images with another content, though the same picture: a JPEG may be followed by anything."""
        self._version += 1
        chosen = self._random.choice(len(self._objects), self._size, replace=False)
        return [(self._objects[one][0], self._objects[one][1] + b"%d" % self._version) for one in chosen]

    def run(self) -> float:
        """One run of changed images, as a job of its own."""
        objects = self.changed()
        self._bench.cloud.upload(self.deployment.images, iter(objects))
        return self.deployment.featurize([key for key, _ in objects]).seconds

    def run_many(self, runs: int) -> list[float]:
        """So many runs in one session."""
        folder = self._bench.folder / "many-runs"
        for number in range(runs):
            self._lay_out(folder / f"{number:04d}", self.changed())
        task = self._bench.platform.submit(MANY_RUNS, [str(folder)], self.deployment.spark_settings())
        shutil.rmtree(folder)
        return list(task.told["seconds"])

    def _lay_out(self, folder: Path, objects: Sequence[tuple[str, bytes]]) -> None:
        for key, body in objects:
            path = folder / "objects" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        batch_id = self.deployment.claim([key for key, _ in objects])
        parameters = featurize_parameters(self.deployment.settings, batch_id, 1, len(objects))
        arguments = parameters["jobDriver"]["sparkSubmit"]["entryPointArguments"]
        (folder / "arguments.json").write_text(json.dumps(arguments))
        (folder / "active.json").write_bytes(self.deployment.claim_document())


def measure(bench: Bench) -> Iterator[Row]:
    """Some runs when the table is young, a hundred in one session, and some when it is old."""
    images, keys, runs, repeats = bench.size(20_000, 100), bench.size(1_000, 20), bench.size(100, 3), bench.size(2, 1)
    life = Life(bench, images, keys)
    life.begin()
    young = Samples([life.run() for _ in range(repeats)])
    files = len(data_files(life.deployment))
    between = life.run_many(runs)
    old = Samples([life.run() for _ in range(repeats)])
    yield GOAL.row(
        f"a run of {keys:,} keys after {runs} earlier runs of as many, against the first",
        ours=old.median,
        theirs=young.median,
        unit="s",
        ratio=old.median / young.median,
        note=f"changed images from all over a table of {images:,} rows; theirs is our own run on the young table",
        details={
            "young_samples": str(young),
            "old_samples": str(old),
            "between": between,
            "data_files": [files, len(data_files(life.deployment))],
        },
    )
