"""The function `identify` on one core: its cold start, and its answer to a photograph when it is warm.

PYTHONPATH=contract:functions:emr_job .venv/development/bin/python -m benchmarks.identify [--calls N]

It prints the table of docs/identify.md, what a public address can cost at most, and returns 1 if a warm answer to a
photograph takes longer than the goal. The package is the one that `sam build` makes, with this machine's native
packages; S3 is the embedded AWS on the same machine. The process has one core, as the function has one vCPU.
"""

import argparse
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import numpy as np
from PIL import Image

from benchmarks.cloud import embedded_aws
from benchmarks.cost import prices
from benchmarks.pictures import PHONE, SEED, picture
from benchmarks.places import DEVELOPMENT_PYTHON, ROOT
from benchmarks.template import parameter_defaults
from embedded_aws.lambda_service.native_packages import link_native_packages
from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.lda import LinearClassifier
from pomona.identify.neighbours import MOST_COMPONENTS, MOST_VECTORS, Neighbours, neighbours_bytes
from pomona.projection import FittedModel, model_bytes
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import LATEST_RESULTS, MODEL, NEIGHBOURS, backbone_folder, results_folder
from tools.build import IDENTIFY, NATIVE_PACKAGES_OF_THE_RUNTIME, build_native_function

GOAL_SECONDS = 0.150
COLUMNS = ("asked", "KB", "images in the index", "cold start", "warm, fastest", "warm, median", "CPU of one", "peak MB")
CLASSES, SIMILAR = 100, 8
REGION, LAKE, IMAGES = "eu-west-3", "lake", "images"
MOST_SENT_BYTES = 4_500_000
INVOCATION = ROOT / "benchmarks" / "tasks" / "invocation.py"
FUNCTION_GIGABYTES = 1769 / 1024
SECONDS_OF_A_MONTH = 30 * 86_400


@dataclass(frozen=True)
class Case:
    """What is asked, and of how many images the table has the vectors."""

    name: str
    body: bytes
    vectors: int
    thumbnails: bool = False
    has_goal: bool = False

    @property
    def event(self) -> dict[str, Any]:
        """The event of an invocation."""
        return {"image": base64.b64encode(self.body).decode(), "thumbnails": self.thumbnails}


@dataclass(frozen=True)
class Measured:
    """Seconds and bytes of one process that answered several times."""

    cold: float
    warm: list[float]
    cpu: float
    """Of the process, for each warm answer."""
    peak_bytes: int


def main(words: list[str]) -> int:
    """Print the table; return 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.identify", description=__doc__)
    parser.add_argument("--calls", type=int, default=30, help="warm answers of each case")
    calls = parser.parse_args(words).calls
    with tempfile.TemporaryDirectory() as folder:
        missed = _measure(Path(folder), calls)
    _print_most_costs()
    return int(missed)


def _measure(folder: Path, calls: int) -> bool:
    package = _package(folder / "identify")
    photograph = _photograph()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    missed = False
    with embedded_aws(folder / "aws") as endpoint:
        environment = _environment(endpoint, folder)
        s3 = boto3.Session("local", "local", region_name=REGION).client("s3", endpoint_url=endpoint)
        _put_images(s3, photograph)
        for case in _cases(photograph):
            _put_results(s3, case.vectors)
            found = _invoked(package, environment, case, calls)
            missed |= case.has_goal and median(found.warm) > GOAL_SECONDS
            print(_line(case, found), flush=True)
    print(f"\ngoal: a warm answer to the photograph within {GOAL_SECONDS * 1000:.0f} ms")
    return missed


def _cases(photograph: bytes) -> Iterator[Case]:
    small = (ROOT / "samples" / "images" / "kiwi" / "kiwi-11.jpg").read_bytes()
    yield Case("an image of 100 x 100 pixels", small, 10_000)
    yield Case("a photograph of 12 megapixels", photograph, 10_000, has_goal=True)
    yield Case("the same, the largest index", photograph, MOST_VECTORS, has_goal=True)
    yield Case("the same, with pictures of 8 photographs", photograph, 10_000, thumbnails=True)


def _photograph() -> bytes:
    """A photograph of a phone, as large as it can be sent."""
    content = picture(np.random.default_rng((SEED, 12, 0)), *PHONE)
    opened, quality = Image.open(io.BytesIO(content)), 85
    while len(content) > MOST_SENT_BYTES:
        quality -= 3
        written = io.BytesIO()
        opened.save(written, "JPEG", quality=quality)
        content = written.getvalue()
    return content


def _package(folder: Path) -> Path:
    os.environ[NATIVE_PACKAGES_OF_THE_RUNTIME] = "1"
    build_native_function(IDENTIFY, folder)
    native = folder.with_name("native")
    link_native_packages(folder, native)
    for link in native.iterdir():
        if not (folder / link.name).exists():
            (folder / link.name).symlink_to(link.resolve())
    return folder


def _environment(endpoint: str, folder: Path) -> dict[str, str]:
    defaults = parameter_defaults()
    limits = {
        "MAX_IMAGE_BYTES": defaults["MaxImageBytes"],
        "MAX_IMAGE_PIXELS": defaults["MaxImagePixels"],
        "MAX_DECODED_BYTES": defaults["MaxDecodedBytes"],
        "MAX_JPEG_SCANS": defaults["MaxJpegScans"],
    }
    temporary = folder / "tmp"
    temporary.mkdir()
    return limits | {
        "LAKE_BUCKET": LAKE,
        "IMAGES_BUCKET": IMAGES,
        "IDENTIFY_ACCESS": "public",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "pomona",
        "POWERTOOLS_METRICS_NAMESPACE": "Pomona",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": "identify",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
        "PATH": os.environ["PATH"],
    }


def _put_images(s3: Any, photograph: bytes) -> None:  # noqa: ANN401 - boto3's clients
    for bucket in (LAKE, IMAGES):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    backbone = load_backbone("fruitnet", ROOT / "backbones")
    for name in ("fruitnet.tflite", "fruitnet.json"):
        s3.upload_file(str(ROOT / "backbones" / name), LAKE, backbone_folder(backbone.label) + name)
    for number in range(SIMILAR):
        s3.put_object(Bucket=IMAGES, Key=_key(number), Body=photograph)


def _key(number: int) -> str:
    """Every key is that of one of a few photographs, so that every similar image is there."""
    return f"class-{number % SIMILAR:03d}/photograph-{number % SIMILAR:02d}.jpg"


def _put_results(s3: Any, vectors: int) -> None:  # noqa: ANN401
    """Write results of the right sizes: what an answer costs does not depend on the numbers in them."""
    backbone = load_backbone("fruitnet", ROOT / "backbones")
    prefix = results_folder(vectors)
    files = {MODEL: model_bytes(_model(backbone)), NEIGHBOURS: neighbours_bytes(_neighbours(vectors))}
    for name, body in files.items():
        s3.put_object(Bucket=LAKE, Key=prefix + name, Body=body)
    latest = LatestResults(
        table_uuid="t",
        snapshot_id=vectors,
        sequence_number=1,
        committed_at="2026-11-20T12:00:00+00:00",
        prefix=prefix,
        components=MOST_COMPONENTS,
        components_asked=str(MOST_COMPONENTS),
        variance=0.9,
        rows=vectors,
        backbone=backbone.label,
        refitted_at="2026-11-20T12:05:00+00:00",
    )
    s3.put_object(Bucket=LAKE, Key=LATEST_RESULTS, Body=json.dumps(latest.document()).encode())


def _model(backbone: ExportedBackbone) -> FittedModel:
    width, random = backbone.output_width, np.random.default_rng(SEED)
    classes = tuple(f"class-{number:03d}" for number in range(CLASSES))
    return FittedModel(
        mean=np.zeros(width),
        std=np.ones(width),
        scale=np.ones(width),
        components=random.standard_normal((MOST_COMPONENTS, width)),
        explained_variance=np.ones(MOST_COMPONENTS),
        explained_variance_ratio=np.full(MOST_COMPONENTS, 0.9 / MOST_COMPONENTS),
        rows=10_000,
        classes=classes,
        class_counts=np.full(CLASSES, 100),
        classifier=LinearClassifier(random.standard_normal((CLASSES, width)), np.zeros(CLASSES)),
    )


def _neighbours(count: int) -> Neighbours:
    vectors = np.random.default_rng(SEED).standard_normal((count, MOST_COMPONENTS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = b"".join(_key(number).encode() for number in range(count))
    ends = np.arange(1, count + 1, dtype=np.int64) * len(_key(0))
    codes = np.arange(count, dtype=np.int32) % SIMILAR
    labels = tuple(f"class-{number:03d}" for number in range(SIMILAR))
    return Neighbours(vectors.astype(np.float16), np.frombuffer(keys, np.uint8), ends, codes, labels)


def _invoked(package: Path, environment: dict[str, str], case: Case, calls: int) -> Measured:
    event = package.with_suffix(".json")
    event.write_text(json.dumps(case.event))
    told = {}
    for times in (1, 1 + calls):  # the difference is what the warm answers took of the processor
        words = ("-S", "-B", INVOCATION, package, "identify", event, times)
        command = [str(word) for word in (DEVELOPMENT_PYTHON, *words)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, preexec_fn=_on_one_core
        )
        told[times] = json.loads(done.stderr.splitlines()[-1])
        if any("error" in answer for answer in told[times]["answers"]):
            raise RuntimeError(told[times]["answers"][0])
    once, often = told[1], told[1 + calls]
    return Measured(
        cold=once["import"] + once["calls"][0],
        warm=often["calls"][1:],
        cpu=(often["cpu"] - once["cpu"]) / calls,
        peak_bytes=often["peak_bytes"],
    )


def _on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _line(case: Case, found: Measured) -> str:
    milliseconds = [f"{1000 * one:,.0f} ms" for one in (min(found.warm), median(found.warm), found.cpu)]
    size, peak = len(case.body) / 1000, found.peak_bytes / 2**20
    cells = [case.name, f"{size:,.0f}", f"{case.vectors:,}", f"{found.cold:.1f} s", *milliseconds, f"{peak:,.0f}"]
    return f"| {' | '.join(cells)} |"


def _print_most_costs() -> None:
    at, limit = prices(), int(parameter_defaults()["IdentifyConcurrency"])
    dollars = limit * SECONDS_OF_A_MONTH * FUNCTION_GIGABYTES * at["lambda_gb_second"]
    print(
        f"{limit} requests at the same time, without a pause for 30 days: {dollars:,.0f} dollars "
        f"({at.region}, {at.as_of}), and the requests"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
