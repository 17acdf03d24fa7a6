"""What the peers share: their command line, and the job's own preprocessing and network.

peer_*.py TASK.json    prints the number of rows and the version of the framework, as JSON

A peer is what a user would run instead of Pomona on one machine. Its time is that of its whole process.
"""

import json
import os
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine

if TYPE_CHECKING:
    from obstore.store import S3Store

LIMITS = Limits(max_image_pixels=100_000_000, max_decoded_bytes=2**29, max_jpeg_scans=100)


@dataclass(frozen=True)
class Task:
    """Images to featurize, where to, and with which setting."""

    bucket: str
    keys: list[str]
    output: str
    """Bucket and folder of the Parquet files."""
    backbone: str
    backbones: str
    workers: int
    """Processes (or threads) that run the network."""
    batch: int
    """Rows that go through the framework together."""
    fetches: int
    """GETs at once, of a worker."""
    threads: bool
    """True if the workers are threads of one process."""

    @property
    def network(self) -> ExportedBackbone:
        """The network that the job runs."""
        return load_backbone(self.backbone, Path(self.backbones))


def task() -> Task:
    """The task that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text()))


class Featurizer:
    """Decodes, resizes and runs the network as the job does it: one image at a time, with one thread.

    An interpreter of LiteRT stays in the thread that made it.
    """

    def __init__(self, backbone: ExportedBackbone) -> None:
        self._engine = InferenceEngine(backbone)
        self._side = (backbone.height, backbone.width)

    def features(self, body: bytes) -> npt.NDArray[np.float32]:
        """The features [width] of an image file."""
        return self._engine.run(resize(decode(body, *self._side, LIMITS).image, *self._side))


def store(bucket: str) -> "S3Store":
    """obstore's client of a bucket on the benchmarks' S3 server."""
    from obstore.store import S3Store

    return S3Store(bucket, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})


def told(rows: int, framework: str = "") -> None:
    """Tell the benchmark how many rows were written, and by which version of what."""
    print(json.dumps({"rows": rows, "version": version(framework) if framework else ""}), flush=True)
