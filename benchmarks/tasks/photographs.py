"""Large photographs through the job's own decoding, and through a full decode: seconds of each, and the features.

photographs.py BACKBONE BACKBONES FOLDER   prints, for each photograph, both times and the cosine of the features
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine

LIMITS = Limits(max_image_pixels=100_000_000, max_decoded_bytes=2**29, max_jpeg_scans=100)
Features = npt.NDArray[np.float32]


def ours(engine: InferenceEngine, backbone: ExportedBackbone, body: bytes) -> Features:
    """As the job does it."""
    image = decode(body, backbone.height, backbone.width, LIMITS).image
    return engine.run(resize(image, backbone.height, backbone.width))


def full(engine: InferenceEngine, backbone: ExportedBackbone, body: bytes) -> Features:
    """As the Spark + Keras baseline does it: every pixel decoded, then the same resize."""
    image = Image.open(io.BytesIO(body)).convert("RGB")
    return engine.run(np.asarray(image.resize((backbone.width, backbone.height), Image.Resampling.BICUBIC)))


def timed(featurize: Callable[..., Features], *arguments: Any) -> tuple[float, Features]:  # noqa: ANN401
    """Seconds and features."""
    began = time.perf_counter()
    features = featurize(*arguments)
    return time.perf_counter() - began, features


def cosine(one: Features, other: Features) -> float:
    """Of the angle between two rows of features."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def main() -> None:
    """Each photograph both ways, one after the other."""
    backbone = load_backbone(sys.argv[1], Path(sys.argv[2]))
    engine = InferenceEngine(backbone)
    found = []
    for path in sorted(Path(sys.argv[3]).iterdir()):
        body = path.read_bytes()
        (fast, one), (slow, other) = (timed(way, engine, backbone, body) for way in (ours, full))
        found.append({"ours": fast, "theirs": slow, "cosine": cosine(one, other), "bytes": len(body)})
    print(json.dumps({"photographs": found[1:] or found}))  # the first one warms up


if __name__ == "__main__":
    main()
