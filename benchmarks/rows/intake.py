"""The functions: ingest with as many events as Lambda hands over, advance with a long line or a large failure."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.places import DEVELOPMENT_PYTHON, ROOT, BenchError
from benchmarks.results import Goal, Row, Samples
from benchmarks.template import variables as template_variables
from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM, FAILED_BATCHES, PENDING_SEGMENTS
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import new_segments
from pomona_contract.times import iso, now
from tools.build import build_function, python_for
from tools.installation import FUNCTION_PLATFORM

MEMORY = 256 * 2**20
LAMBDA_SHARE = 256 / 1769  # of a vCPU at 256 MB: docs.aws.amazon.com/lambda, "Configure Lambda function memory"
SAMPLE = ROOT / "events" / "ingest-s3-put.json"
INVOCATION = ROOT / "benchmarks" / "tasks" / "invocation.py"
IMAGES = "images"
INGEST, IMPORT, ADVANCE, SET_ASIDE = (
    Goal("≤ 1 s at ≤ 256 MB", most=1.0),
    Goal("≤ 0.35 s", most=0.35),
    Goal("≤ 3 s at ≤ 256 MB", most=3.0),
    Goal("≤ 60 s at ≤ 256 MB", most=60.0),  # the function may take 300 s, and goes on where it ended
)
KEYS_OF_A_SEGMENT = 100
LARGE_SEGMENT = 10_000


@dataclass(frozen=True)
class Function:
    """A function's package as `sam build` makes it, and the environment that the template would give it."""

    name: str
    package: Path
    environment: dict[str, str]

    @classmethod
    def build(cls, bench: Bench, name: str, lake: str) -> "Function":
        """Build it; the application is one of the embedded AWS, whose runs end at once (their code is not there)."""
        package = bench.folder / f"{name}-{uuid.uuid4().hex[:8]}"
        build_function(name, package)
        emr = bench.cloud.client("emr-serverless")
        token = uuid.uuid4().hex
        application = emr.create_application(name=name, releaseLabel="emr-spark-8.1.0", type="SPARK", clientToken=token)
        settings = {"LAKE_BUCKET": lake, "IMAGES_BUCKET": IMAGES, "APPLICATION_ID": application["applicationId"]}
        variables = {
            **template_variables(),
            **settings,
            "POWERTOOLS_SERVICE_NAME": "pomona",
            "POWERTOOLS_METRICS_NAMESPACE": "Pomona",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "PYTHONDONTWRITEBYTECODE": "1",  # a function's folder is read-only on Lambda
            "PATH": os.environ["PATH"],
        }
        return cls(name, package, bench.cloud.environment() | variables)

    def without_compiled_modules(self) -> "Function":
        """The same function, as a machine without the Python of Lambda packs it."""
        copy = self.package.with_name(f"{self.package.name}-uncompiled")
        shutil.copytree(self.package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        return replace(self, package=copy)

    def invoke(self, event: dict[str, Any], times: int) -> dict[str, Any]:
        """A cold start, and the handler called some times in the same process."""
        path = self.package.with_suffix(".json")
        path.write_text(json.dumps(event))
        command: list[str | Path] = [
            python_for(FUNCTION_PLATFORM) or DEVELOPMENT_PYTHON,
            "-S",
            "-B",
            INVOCATION,
            self.package,
            self.name,
            path,
            str(times),
        ]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{self.name} failed: {done.stderr[-800:]}")
        return dict(json.loads(done.stderr.splitlines()[-1]))


def message(number: int) -> dict[str, Any]:
    """A message as SQS hands it to Lambda, with one event as S3 writes it: the sample's, with a key of its own."""
    sample: dict[str, Any] = json.loads(SAMPLE.read_text())["Records"][0]
    event = json.loads(sample["body"])
    told = event["Records"][0]["s3"]
    told["bucket"] = {**told["bucket"], "name": IMAGES, "arn": f"arn:aws:s3:::{IMAGES}"}
    told["object"] |= {"key": f"some-class/{number:06d}+of+many.jpg", "sequencer": f"{number:018X}"}
    return sample | {"messageId": str(uuid.UUID(int=number)), "body": json.dumps(event)}


def measure_ingest(bench: Bench) -> Iterator[Row]:
    """Each repeat is a cold start with one call, into an empty queue."""
    events = bench.size(10_000, 1_000)
    event = {"Records": [message(number) for number in range(events)]}
    told, uncompiled = [], []
    for _ in range(bench.size(5, 1)):
        lake = bench.cloud.bucket("lake")
        function = Function.build(bench, "ingest", lake)
        told.append(function.invoke(event, 1))
        _require_all(bench, lake, events, told[-1])
        uncompiled.append(function.without_compiled_modules().invoke(event, 0)["import"])
    yield from _ingest_rows(events, told, Samples(uncompiled))


def _require_all(bench: Bench, lake: str, events: int, told: dict[str, Any]) -> None:
    names = bench.cloud.keys(lake, PENDING_SEGMENTS)
    kept = sum(int(name.rsplit("/", 1)[1].split("-")[1]) for name in names)
    if kept != events or told["answers"][0]["batchItemFailures"]:
        raise BenchError(f"ingest kept {kept} of {events} keys: {told['answers'][0]}")


def _ingest_rows(events: int, told: list[dict[str, Any]], uncompiled: Samples) -> Iterator[Row]:
    seconds, imports = Samples([one["calls"][0] for one in told]), Samples([one["import"] for one in told])
    peak, cpu = max(one["peak_bytes"] for one in told), median(one["cpu"] for one in told)
    details = {
        "ours_samples": str(seconds),
        "peak_mb": round(peak / 2**20),
        "cpu_seconds": round(cpu, 3),
        "cpu_seconds_at_the_share_of_256_mb": round(cpu / LAMBDA_SHARE, 1),
    }
    yield INGEST.row(
        f"ingest of {events:,} S3 events",
        ours=seconds.median,
        unit="s",
        provided=peak <= MEMORY,
        note="the first call of a new process, launch of the run included, on a whole core",
        details=details,
    )
    yield IMPORT.row(
        "ingest's cold import",
        ours=imports.median,
        unit="s",
        note=f"the package as sam build makes it, in Python {FUNCTION_PLATFORM.python}: its modules are compiled"
        if python_for(FUNCTION_PLATFORM)
        else f"there was no Python {FUNCTION_PLATFORM.python}, so no module is compiled",
        details={"ours_samples": str(imports), "without_compiled_modules": str(uncompiled)},
    )


def measure_advance(bench: Bench) -> Iterator[Row]:
    """A line of segments, and nothing in flight: listed, decided on, claimed and started."""
    segments = bench.size(10_000, 500)
    lake = bench.cloud.bucket("lake")
    moment = now()
    written = (
        one
        for number in range(segments)
        for one in new_segments(_segment(number, iso(moment)), f"request-{number:06d}", moment).items()
    )
    bench.cloud.upload(lake, written)
    told = []
    for _ in range(bench.size(5, 1)):
        function = Function.build(bench, "advance", lake)
        told.append(function.invoke({"source": "clock"}, 1))
        claim = json.loads(bench.cloud.client("s3").get_object(Bucket=lake, Key=CLAIM)["Body"].read())
        if not claim["run_id"]:
            raise BenchError("advance did not start a run")
        bench.cloud.client("s3").delete_object(Bucket=lake, Key=CLAIM)
    seconds, peak = Samples([one["calls"][0] for one in told]), max(one["peak_bytes"] for one in told)
    details = {"ours_samples": str(seconds), "peak_mb": round(peak / 2**20), "claimed_segments": len(claim["segments"])}
    yield ADVANCE.row(
        f"advance with {segments:,} pending segments",
        ours=seconds.median,
        unit="s",
        provided=peak <= MEMORY,
        note="the first call of a new process: listing, claim and start of a run",
        details=details,
    )


def measure_set_aside(bench: Bench) -> Iterator[Row]:
    """A batch of very many keys has failed for good: its segments are moved to `queue/failed/`."""
    segments = bench.size(100, 5)
    lake = bench.cloud.bucket("lake")
    moment = now()
    written = dict(
        one
        for number in range(segments)
        for one in new_segments(_large_segment(number, iso(moment)), f"request-{number:06d}", moment).items()
    )
    bench.cloud.upload(lake, iter(written.items()))
    function = Function.build(bench, "advance", lake)
    claim = _failed_claim(function, list(written), iso(moment))
    bench.cloud.client("s3").put_object(Bucket=lake, Key=CLAIM, Body=claim.to_json())
    told = function.invoke({"source": "clock"}, 1)
    kept = [name for name in bench.cloud.keys(lake, FAILED_BATCHES) if name.endswith(".jsonl")]
    if len(kept) != segments or bench.cloud.keys(lake, PENDING_SEGMENTS):
        raise BenchError(f"{len(kept)} of {segments} segments were set aside")
    size = sum(len(body) for body in written.values())
    yield SET_ASIDE.row(
        f"advance sets aside a batch of {segments * LARGE_SEGMENT:,} keys",
        ours=told["calls"][0],
        unit="s",
        provided=told["peak_bytes"] <= MEMORY,
        note="the first call of a new process: copies on the server side",
        details={"peak_mb": round(told["peak_bytes"] / 2**20), "segments": segments, "mb": round(size / 2**20)},
    )


def _failed_claim(function: Function, names: list[str], claimed_at: str) -> Claim:
    """The last attempt at a batch, whose run is not there any more."""
    attempts = int(function.environment["MAX_ATTEMPTS"])
    application = function.environment["APPLICATION_ID"]
    segments = tuple(ClaimedSegment(name, LARGE_SEGMENT) for name in names)
    claim = Claim("20261121T080000000Z-bench", attempts, claimed_at, segments, application, {"name": "featurize-bench"})
    return replace(claim, run_id="00ffffffffffffff", failures=attempts)


def _large_segment(number: int, seen_at: str) -> list[DirtyKey]:
    """Long keys: a folder for each day and camera."""
    folder = f"orchards/north/2026-11-21/camera-{number:06d}/" + "row/" * 20
    return [DirtyKey(IMAGES, f"{folder}{one:06d}.jpg", seen_at) for one in range(LARGE_SEGMENT)]


def _segment(number: int, seen_at: str) -> list[DirtyKey]:
    return [DirtyKey(IMAGES, f"{number:06d}/{one:03d}.jpg", seen_at) for one in range(KEYS_OF_A_SEGMENT)]
