"""The whole featurize job beside the baseline's: images to a committed table, ours from S3, theirs from the disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq

from benchmarks.bench import Bench, interleaved
from benchmarks.deployment import Deployment, Job
from benchmarks.places import PYTHON, ROOT, BenchError
from benchmarks.results import Goal, Row, Samples
from benchmarks.tables import read_features

USUAL_GOAL, BEST_GOAL, CLUSTER_GOAL = Goal("≥ 6x", least=6.0), Goal("≥ 4x", least=4.0), Goal("> 1x", least=1.0)
CLUSTER_RATE = 133  # images a second: the fastest published EMR cluster of this kind of job, 8 workers
LEAST_COSINE = 0.999
FIELD_JOB = ROOT / "benchmarks" / "field" / "featurize.py"


@dataclass(frozen=True)
class Setting:
    """How the baseline's job is set: `threads` are TensorFlow's for one call, 0 leaves them to TensorFlow."""

    partitions: int = 24
    batch: int = 1024
    threads: int = 0

    def __str__(self) -> str:
        threads = f"{self.threads} threads" if self.threads else "TensorFlow's own threads"
        return f"{self.partitions} partitions, batches of {self.batch}, {threads}"


@dataclass
class Field:
    """The baseline's job on a folder of images."""

    bench: Bench
    images: Path
    peaks: list[int] = field(default_factory=list)

    @property
    def output(self) -> Path:
        """Where it leaves its Parquet."""
        return self.bench.folder / "field-features"

    def seconds(self, setting: Setting) -> float:
        """Of the whole job, session included."""
        network = self.bench.network
        arguments = ["--network", network.name, "--weights", str(network.weights), "--images", str(self.images)]
        arguments += ["--output", str(self.output), "--partitions", str(setting.partitions)]
        spark = {
            "spark.driver.memory": "8g",
            "spark.sql.execution.arrow.maxRecordsPerBatch": str(setting.batch),
            # one file is a kilobyte or a few: with the default, a listing of thousands becomes a job of its own
            "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        }
        python = {name: str(PYTHON) for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")}
        threads = {"TF_NUM_INTRAOP_THREADS": str(setting.threads), "TF_NUM_INTEROP_THREADS": str(setting.threads)}
        finished = self.bench.platform.submit(FIELD_JOB, arguments, spark, python | threads)
        self.peaks.append(finished.peak_bytes)
        return finished.seconds


def best_setting(field_job: Field, cores: int, thorough: bool) -> tuple[Setting, dict[str, float]]:
    """The fastest, one thing varied after the other: partitions, then TensorFlow's threads, then the batch."""
    tried: dict[Setting, float] = {}

    def fastest(settings: list[Setting]) -> Setting:
        for setting in settings:
            if setting not in tried:
                tried[setting] = field_job.seconds(setting)
                field_job.bench.say(f"the baseline's job with {setting}: {tried[setting]:.1f} s")
        return min(tried, key=lambda setting: tried[setting])

    best = fastest([Setting(2 * cores, 64)])
    if thorough:
        best = fastest([Setting(cores, 64)])
        best = fastest([replace(best, threads=1)])
        best = fastest([replace(best, batch=batch) for batch in (16, 32, 256)])
    return best, {str(setting): round(seconds, 1) for setting, seconds in tried.items()}


@dataclass
class Ours:
    """Our job on a bucket with the same images."""

    bench: Bench
    bucket: str
    keys: list[str]
    jobs: list[tuple[Deployment, Job]] = field(default_factory=list)

    def seconds(self) -> float:
        """Of the whole job, into a table of its own."""
        deployment = self.bench.deployment(self.bucket)
        self.jobs.append((deployment, deployment.featurize(self.keys)))
        return self.jobs[-1][1].seconds

    def details(self, theirs: Field) -> dict[str, Any]:
        """What is told of the last of both, and of the memory of all; BenchError if their features differ."""
        deployment, job = self.jobs[-1]
        return {
            "images": len(self.keys),
            "parts": job.record["seconds"],
            "ours_peak_mb": max(one.process.peak_bytes for _, one in self.jobs) >> 20,
            "theirs_peak_mb": max(theirs.peaks) >> 20,
            "least_cosine": agreement(deployment, theirs),
            "weights": self.bench.network.source,
        }


def measure(bench: Bench) -> Iterator[Row]:
    """The baseline's best setting is searched for on some of the images; then all three jobs run in turn on all."""
    count, some = bench.size(5_000, 120), bench.size(800, 60)
    ours = Ours(bench, *bench.small_images(count))
    search = Field(bench, bench.folder_of_images(some))
    best, tried = best_setting(search, bench.platform.cores, not bench.options.quick)
    theirs = Field(bench, bench.folder_of_images(count))
    measures = {
        "ours": ours.seconds,
        "usual": lambda: theirs.seconds(Setting()),
        "best": lambda: theirs.seconds(best),
    }
    taken = interleaved(bench.size(2, 1), measures)
    details = ours.details(theirs) | {"ours_samples": str(taken["ours"])}
    for kind, goal, setting in (("usual", USUAL_GOAL, Setting()), ("best", BEST_GOAL, best)):
        searched = {"theirs_samples": str(taken[kind])} | ({"searched": tried} if kind == "best" else {})
        yield _beside_the_field(kind, goal, setting, taken, details | searched)
    yield _beside_the_clusters(bench.platform.cores, count / taken["ours"].median, str(taken["ours"]))


def _beside_the_field(
    kind: str, goal: Goal, setting: Setting, taken: dict[str, Samples], details: dict[str, Any]
) -> Row:
    return goal.row(
        f"whole featurize job on {details['images']:,} images, against the baseline with its {kind} setting",
        ours=taken["ours"].median,
        theirs=taken[kind].median,
        unit="s",
        ratio=taken[kind].median / taken["ours"].median,
        note=f"theirs: {setting}; it reads from the local disk",
        details=details,
    )


def _beside_the_clusters(cores: int, rate: float, samples: str) -> Row:
    return CLUSTER_GOAL.row(
        f"images a second of one {cores}-core machine, against published clusters of the baseline",
        ours=rate,
        theirs=CLUSTER_RATE,
        unit="images/s",
        ratio=rate / CLUSTER_RATE,
        note="theirs is published, not measured here: at most 133 images a second with 8 workers",
        details={"ours_samples": samples},
    )


def agreement(deployment: Deployment, field_job: Field) -> float:
    """Least cosine between our features and the baseline's of the same image; BenchError if they are not the same."""
    theirs = pq.read_table(field_job.output, columns=["path", "features"]).to_pydict()
    rows = read_features(deployment)
    ours = dict(zip(rows["key"], rows["features"], strict=True))
    keys = [unquote(path.partition(f"/{field_job.images.name}/")[2]) for path in theirs["path"]]
    if set(keys) != {unquote(key) for key in ours}:
        raise BenchError(f"the two jobs disagree: {len(ours)} and {len(set(keys))} images")
    by_path = {unquote(key): features for key, features in ours.items()}
    least = min(cosine(by_path[key], features) for key, features in zip(keys, theirs["features"], strict=True))
    if least < LEAST_COSINE:
        raise BenchError(f"the two jobs disagree: the least cosine of their features is {least:.6f}")
    return round(least, 6)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the angle between two rows of features."""
    ours, theirs = np.asarray(one), np.asarray(other)
    return float(ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))
