"""The refit beside Spark ML's scaler and PCA on the same table, beside what no refit can do without, and its memory."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil  # type: ignore[import-untyped]

from benchmarks.bench import Bench, interleaved
from benchmarks.deployment import Deployment, Job
from benchmarks.places import ROOT, BenchError
from benchmarks.processes import Finished
from benchmarks.results import Goal, Row, Samples
from benchmarks.tables import data_files, fill, names
from pomona.backbone import load_backbone

SPEED, LIMIT, MEMORY = Goal("≥ 6x, equal to 1e-6", least=6.0), Goal("≥ 0.5", least=0.5), Goal("≤ 1.15x", most=1.15)
TOLERANCE = 1e-6
K = 100
MOST_GIGABYTES = 10
FIELD_JOB = ROOT / "benchmarks" / "field" / "pca.py"
LIMIT_TASK = ROOT / "benchmarks" / "tasks" / "refit_limit.py"
Matrix = npt.NDArray[np.float64]


def filled(bench: Bench, rows: int, classes: int = 1, *, labels: bool = True) -> Deployment:
    """A table of so many rows of the network's own width, in so many classes."""
    backbone = load_backbone(bench.options.backbone, bench.network.folder)
    deployment = bench.deployment("images")
    bench.say(f"writing a table of {rows:,} rows")
    fill(deployment, rows, backbone.label, backbone.output_width, classes, labels=labels)
    return deployment


class Field:
    """The baseline's refit of the deployment's table; `cached` is its one setting that matters."""

    def __init__(self, bench: Bench, deployment: Deployment) -> None:
        self._bench = bench
        self._deployment = deployment
        self.model = bench.folder / "field-model.npz"
        self.runs: list[Finished] = []

    def seconds(self, cached: bool) -> float:
        """Of the whole job."""
        lake, table = self._deployment.settings.lake_bucket, ".".join(names(self._deployment))
        options = {
            "--table": f"lake.{table}",
            "--warehouse": f"s3://{lake}/warehouse",
            "--k": str(K),
            "--partitions": str(self._bench.platform.cores),
            "--output": str(self._bench.folder / "field-projections"),
            "--model": str(self.model),
        }
        arguments = [word for pair in options.items() for word in pair] + (["--cache"] if cached else [])
        memory = {"spark.driver.memory": f"{driver_gigabytes()}g", "spark.driver.maxResultSize": "4g"}
        python = {"PYTHONPATH": "./deps"}
        self.runs.append(self._bench.platform.submit(FIELD_JOB, arguments, memory, python))
        return self.runs[-1].seconds


def driver_gigabytes() -> int:
    """All that the baseline's job can use, and half of what the machine has."""
    half = int(psutil.virtual_memory().total) // 2**31
    return max(2, min(MOST_GIGABYTES, half))


class Sides:
    """Our refit, the baseline's and the limit, on the same table."""

    def __init__(self, bench: Bench, deployment: Deployment) -> None:
        self._platform = bench.platform
        self._deployment = deployment
        self.field = Field(bench, deployment)
        self.jobs: list[Job] = []
        self.limits: list[dict[str, Any]] = []

    def ours(self) -> float:
        """Seconds of a whole job."""
        self.jobs.append(self._deployment.refit())
        return self.jobs[-1].seconds

    def limit(self) -> float:
        """Seconds of what no refit can do without."""
        files, cores = data_files(self._deployment), self._platform.cores
        self.limits.append(self._platform.python(LIMIT_TASK, str(K), *files, threads=cores).told)
        return float(self.limits[-1]["seconds"])

    def details(self) -> dict[str, Any]:
        """What is told of the last of each, and of the memory of all."""
        return {
            "rows": self.limits[-1]["rows"],
            "parts": passes(self.jobs[-1]),
            "parts_of_the_limit": self.limits[-1],
            "theirs_without_its_session": round(self.field.runs[-1].told["seconds"], 2),
            "ours_peak_mb": max(job.process.peak_bytes for job in self.jobs) >> 20,
            "theirs_peak_mb": max(run.peak_bytes for run in self.field.runs) >> 20,
        }


def measure(bench: Bench) -> Iterator[Row]:
    """Both jobs in turn, and the limit; the baseline's better setting is searched for on the same table."""
    deployment = filled(bench, bench.size(100_000, 2_000))
    sides = Sides(bench, deployment)
    tried = {cached: sides.field.seconds(cached) for cached in ((True,) if bench.options.quick else (True, False))}
    best = min(tried, key=lambda cached: tried[cached])
    measures = {"ours": sides.ours, "limit": sides.limit, "theirs": lambda: sides.field.seconds(best)}
    taken = interleaved(bench.size(2, 1), measures)
    difference = compare(deployment, sides.jobs[-1], sides.field.model)
    details = {f"{side}_samples": str(samples) for side, samples in taken.items()} | sides.details()
    details["largest_difference"] = difference
    details["theirs_tried"] = {
        "cached" if cached else "not cached": round(seconds, 1) for cached, seconds in tried.items()
    }
    yield _beside_the_field(taken, details, equal=difference <= TOLERANCE)
    yield _beside_the_limit(taken, details)


def _beside_the_field(taken: dict[str, Samples], details: dict[str, Any], *, equal: bool) -> Row:
    seconds, theirs = taken["ours"].median, taken["theirs"].median
    return SPEED.row(
        f"refit of {details['rows']:,} rows against Spark ML's scaler and PCA",
        ours=seconds,
        theirs=theirs,
        unit="s",
        ratio=theirs / seconds,
        provided=equal,
        note="whole jobs, spark-submit to results; k = 100",
        details=details,
    )


def _beside_the_limit(taken: dict[str, Samples], details: dict[str, Any]) -> Row:
    seconds, limit = taken["ours"].median, taken["limit"].median
    over_the_table = sum(details["parts"][part] for part in ("gather", "fit", "project"))
    return LIMIT.row(
        f"refit of {details['rows']:,} rows against the limit (one reading, two products in float64)",
        ours=seconds,
        theirs=limit,
        unit="s",
        ratio=limit / seconds,
        note="ours is the whole job, from its start to its report; against_gather_fit_and_project is without all else",
        details=details | {"against_gather_fit_and_project": round(limit / over_the_table, 2)},
    )


def passes(job: Job) -> dict[str, float]:
    """Seconds by part, as the job logged them."""
    return dict(job.logged("rows")["seconds"])


def compare(deployment: Deployment, job: Job, model: Path) -> float:
    """The largest difference of the two models, relative to the scale of each; components up to their sign."""
    s3, folder = deployment.platform.cloud.client("s3"), job.record["prefix"]
    body = s3.get_object(Bucket=deployment.settings.lake_bucket, Key=f"{folder}model.npz")["Body"].read()
    ours, theirs = np.load(io.BytesIO(body)), np.load(model)
    signs = np.sign(np.einsum("ij,ij->i", ours["components"], theirs["components"]))
    pairs = {
        "mean": (ours["mean"], theirs["mean"]),
        "std": (ours["std"], theirs["std"]),
        "ratio": (ours["explained_variance_ratio"], theirs["ratio"]),
        "components": (ours["components"], theirs["components"] * signs[:, None]),
    }
    for name, (one, other) in pairs.items():
        if one.shape != other.shape:
            raise BenchError(f"the two refits disagree: {name} has the shapes {one.shape} and {other.shape}")
    return max(_difference(one, other) for one, other in pairs.values())


def _difference(one: Matrix, other: Matrix) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


def measure_memory(bench: Bench) -> Iterator[Row]:
    """Twice the rows: the peak of driver, executor and Python workers together. The driver alone refits neither."""
    sizes = (bench.size(500_000, 2_000), bench.size(1_000_000, 6_000))
    few, many = (filled(bench, rows).refit() for rows in sizes)
    ratio = many.process.peak_bytes / few.process.peak_bytes
    yield MEMORY.row(
        f"peak memory of a refit of {sizes[1]:,} rows against {sizes[0]:,}",
        ours=many.process.peak_bytes / 2**20,
        theirs=few.process.peak_bytes / 2**20,
        unit="MB",
        ratio=ratio,
        note="all processes together, pages that they share counted once; theirs is our own smaller refit",
        details={"seconds": {f"{rows:,}": round(job.seconds, 1) for rows, job in zip(sizes, (few, many), strict=True)}},
    )
