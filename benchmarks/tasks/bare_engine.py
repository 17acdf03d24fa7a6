"""The engine without Spark and S3: images in memory, one process a core, each with an engine of one thread.

bare_engine.py BACKBONE BACKBONES IMAGES PROCESSES engine|inference   prints seconds and images

`engine` decodes, resizes and infers each image; `inference` only infers, the pixels are ready.
"""

import json
import multiprocessing
import sys
import time
from itertools import cycle, islice
from multiprocessing.synchronize import Barrier
from pathlib import Path

from pomona.backbone import load_backbone
from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine

LIMITS = Limits(max_image_pixels=100_000_000, max_decoded_bytes=2**29, max_jpeg_scans=100)
READY_PIXELS = 200  # different images whose pixels lie ready for `inference`


def work(backbone_name: str, backbones: str, files: list[str], kind: str, barrier: Barrier) -> None:
    """One core's share."""
    backbone = load_backbone(backbone_name, Path(backbones))
    engine = InferenceEngine(backbone)
    bodies = [Path(file).read_bytes() for file in files]
    side = (backbone.height, backbone.width)
    ready = [resize(decode(body, *side, LIMITS).image, *side) for body in bodies[:READY_PIXELS]]
    engine.run(ready[0])
    barrier.wait()
    if kind == "inference":
        for pixels in islice(cycle(ready), len(bodies)):
            engine.run(pixels)
    else:
        for body in bodies:
            engine.run(resize(decode(body, *side, LIMITS).image, *side))
    barrier.wait()


def main() -> None:
    """Share the files out, and time from when all are ready to when all are done."""
    backbone, backbones, images, processes, kind = sys.argv[1:]
    count = int(processes)
    files = sorted(str(path) for path in Path(images).rglob("*") if path.is_file())
    barrier = multiprocessing.Barrier(count + 1)
    workers = [
        multiprocessing.Process(target=work, args=(backbone, backbones, files[share::count], kind, barrier))
        for share in range(count)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    print(json.dumps({"seconds": seconds, "images": len(files)}))


if __name__ == "__main__":
    main()
