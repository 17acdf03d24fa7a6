"""The files that cost a worker the most of those that the default limits let in: peak memory and seconds of each.

PYTHONPATH=contract:functions:emr_job .venv/development/bin/python -m benchmarks.worst_images [NAME...]

It prints the table of docs/files.md and returns 1 if a file needs more than that page promises.

A file is written by one process and decoded by another one, which holds what a worker holds: the packages, a network,
and fetched images of as many bytes as it may fetch ahead. The kernel tells its peak memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.places import ROOT
from benchmarks.template import template_settings

# both of them: what the pages promise of a worker (docs/files.md)
PROMISED_MEGABYTES, PROMISED_SECONDS = 1000, 20


def main(names: list[str]) -> int:
    """Print a row for each file; return 1 if one needs more than is promised."""
    from benchmarks.worst_files import WORST

    print("| file | bytes | outcome | peak MB of the worker | seconds |\n|---|---|---|---|---|")
    worst = (0.0, 0.0)
    for name in names or WORST:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "image"
            _process("write", name, str(file))
            size = file.stat().st_size
            found = json.loads(_process("decode", str(file)))
        print(
            f"| {name} | {size:,} | {found['outcome']} | {found['megabytes']:,.0f} | {found['seconds']:.1f} |",
            flush=True,
        )
        worst = max(worst[0], found["megabytes"]), max(worst[1], found["seconds"])
    print(f"\npeak {worst[0]:,.0f} MB, {worst[1]:.1f} s")
    return int(worst[0] > PROMISED_MEGABYTES or worst[1] > PROMISED_SECONDS)


def _process(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.worst_images", *arguments]
    environment = {"PYTHONPATH": "contract:functions:emr_job", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _write(name: str, file: str) -> None:
    from benchmarks.worst_files import WORST

    Path(file).write_bytes(WORST[name]())


def _decode(file: str) -> None:
    from pomona.backbone import load_backbone
    from pomona.featurize.key_featurizer import FETCHED_BYTES
    from pomona.imaging.decoding import decode, resize
    from pomona.imaging.errors import ImageError
    from pomona.imaging.limits import Limits
    from pomona.inference import InferenceEngine

    settings = template_settings()
    limits = Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)
    engine = InferenceEngine(load_backbone("fruitnet", ROOT / "backbones"))
    height, width = engine.backbone.height, engine.backbone.width
    body = Path(file).read_bytes()
    fetched = b"x" * FETCHED_BYTES
    began = time.perf_counter()
    try:
        engine.run(resize(decode(body, height, width, limits).image, height, width))
        outcome = "features"
    except ImageError as error:
        outcome = str(error)
    seconds = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"outcome": outcome, "megabytes": megabytes, "seconds": seconds, "held": len(fetched)}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", name, file]:
            _write(name, file)
        case ["decode", file]:
            _decode(file)
        case names:
            sys.exit(main(names))
