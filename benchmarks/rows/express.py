"""The express lane: from an upload to the row, the function's own time, large tables, and what a run costs."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.bench import Bench, interleaved
from benchmarks.cost import pomona_parts, prices
from benchmarks.deployment import Deployment
from benchmarks.figures import figures
from benchmarks.places import ROOT, BenchError
from benchmarks.results import Goal, Row, Samples
from benchmarks.rows.latency import measured_upload
from benchmarks.tables import fill
from pomona_intake.runs.parameters import express_parameters

LATENCY, GROWTH, PRICE = Goal("≤ 2.5 s", most=2.5), Goal("≤ 1.5x", most=1.5), Goal("≤ 1/15", most=1 / 15)
OWN_TIME = {10: Goal("≤ 1 s", most=1.0), 200: Goal("≤ 6 s", most=6.0)}
WORKER = ROOT / "benchmarks" / "express_worker.py"
MEGABYTES = 1769


@dataclass(frozen=True)
class WarmFunction:
    """A process that has imported what the function needs, and has one core."""

    process: subprocess.Popen[str]
    import_seconds: float

    def run(self, deployment: Deployment, keys: Sequence[str]) -> dict[str, Any]:
        """Claim a batch of the keys, and return the record of its express run."""
        return self.invoke(deployment, deployment.claim(keys))

    def invoke(self, deployment: Deployment, batch_id: str) -> dict[str, Any]:
        """Return the record of the express run of a batch that is claimed."""
        event = express_parameters(deployment.settings, batch_id, 1)
        return self._answer(json.dumps(event["arguments"]))

    def _answer(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise BenchError("the express function ended; its errors are above")
        return dict(json.loads(answer))


@contextmanager
def warm_function(bench: Bench) -> Iterator[WarmFunction]:
    """Start one, and end it with the block."""
    paths = ":".join(str(ROOT / name) for name in ("contract", "emr_job"))
    environment = {"PYTHONPATH": paths, "PATH": "/usr/bin:/bin", **bench.cloud.environment()}
    command = [sys.executable, str(WORKER), str(bench.platform.code / "backbones")]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=bench.folder
    )
    try:
        assert process.stdout is not None
        yield WarmFunction(process, json.loads(process.stdout.readline())["imports"])
    finally:
        process.kill()
        process.wait()


def measure(bench: Bench) -> Iterator[Row]:
    """All rows, the one through the whole stack first."""
    yield _latency(bench)
    with warm_function(bench) as function:
        records = {count: _own_time(bench, function, count) for count in OWN_TIME}
        for count, (samples, record) in records.items():
            yield OWN_TIME[count].row(
                f"an express run of {count} new images, one vCPU, warm",
                ours=samples.median,
                unit="s",
                note=f"beyond its imports, which take {function.import_seconds} s",
                details={"samples": str(samples), "parts": record["seconds"]},
            )
        yield _growth(bench, function)
    yield _price(records[10][1])


def _latency(bench: Bench) -> Row:
    parts = measured_upload(bench, "express", ExpressKeys="100")
    return LATENCY.row(
        "upload to committed row, 10 images, on the embedded AWS, express lane, warm",
        ours=parts["total"],
        unit="s",
        note="the window for events, a second, is in it",
        details={"parts": parts},
    )


def _own_time(bench: Bench, function: WarmFunction, count: int) -> tuple[Samples, dict[str, Any]]:
    repeats = bench.size(5, 1) + 1
    bucket, keys = bench.small_images(count * repeats)
    deployment = bench.deployment(bucket)
    records = [function.run(deployment, keys[n * count : (n + 1) * count]) for n in range(repeats)][1:]
    return Samples([record["seconds"]["total"] for record in records]), records[-1]


def _growth(bench: Bench, function: WarmFunction) -> Row:
    """Ten new images into an empty table and into a large one, in turn; the first run into each does not count."""
    count, repeats, rows = 10, bench.size(5, 1), bench.size(1_000_000, 2_000)
    bucket, keys = bench.small_images(count * (repeats + 1))
    small, large = bench.deployment(bucket), bench.deployment(bucket)
    bench.say(f"writing a table of {rows:,} rows")
    fill(large, rows, "mobilenet_v2@filled")
    fill(small, 1, "mobilenet_v2@filled")
    batches = {
        name: iter([keys[n * count : (n + 1) * count] for n in range(repeats + 1)]) for name in ("small", "large")
    }

    def run(name: str, deployment: Deployment) -> float:
        seconds = function.run(deployment, next(batches[name]))["seconds"]
        return float(seconds["plan"] + seconds["commit"])

    cold = {"small": run("small", small), "large": run("large", large)}
    taken = interleaved(repeats, {"small": partial(run, "small", small), "large": partial(run, "large", large)})
    ours, theirs = taken["large"].median, taken["small"].median
    return GROWTH.row(
        f"lookup and commit of an express run into a table of {rows:,} rows, against an empty one",
        ours=ours,
        theirs=theirs,
        unit="s",
        ratio=ours / theirs,
        note="warm: the function has read the keys of the files once; details have the first run",
        details={name: str(samples) for name, samples in taken.items()} | {"first_run": cold, "rows": rows},
    )


def _price(record: dict[str, Any]) -> Row:
    at = prices()
    ours = record["function_gb_seconds"] * at["lambda_gb_second"] + at["lambda_request_million"] / 1e6
    theirs = pomona_parts(10, figures(), at)["EMR Serverless: featurize"]
    return PRICE.row(
        "dollars of a run of 10 images on the express lane, against one of the cluster",
        ours=ours,
        theirs=theirs,
        unit="$",
        ratio=ours / theirs,
        note=f"the function has {MEGABYTES} MB; a worker of the cluster is billed for a minute at least",
        details={"gb_seconds": record["function_gb_seconds"]},
    )
