"""Turn a backbone of the registry from Keras into the `.tflite` and `.json` that the featurize job runs.

    .venv/backbones/bin/python backbones/export.py mobilenet_v2 [--weights FILE] [--images FOLDER] [--output FOLDER]

The graph takes uint8 RGB pixels, normalises them inside and gives the average-pooled features. It is compared with
Keras on random and on real images before anything is written.
"""

import argparse
import hashlib
import json
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agreement import Agreement, DisagreementError, agreement
from engine import Engine
from images import read_folder
from networks import Model, WeightsError, fetch_base, load_base, reference_features, to_tflite, with_pixels
from quiet import progress, without_chatter
from registry import Backbone, UnknownBackboneError, backbone_named

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "contract"))  # this environment has nothing of Pomona installed

from pomona_contract.documents.backbone import BackboneDescription  # noqa: E402

SAMPLES = HERE.parent / "samples" / "images"
CHECKED_IMAGES = 16  # of each kind
DOWNLOAD_TIMEOUT_SECONDS = 30
SEED = 1


class NoImagesError(Exception):
    """There is nothing real to check the graph with."""


def images_to_check(folder: Path, side: int) -> np.ndarray:
    """Return uint8 [n, side, side, 3]: noise, then real images of `folder`; raises NoImagesError."""
    real = read_folder(folder, side, at_most=CHECKED_IMAGES)
    if not len(real):
        raise NoImagesError(f"there is no image in {folder} to check the graph with; name a folder with --images")
    noise = np.random.default_rng(SEED).integers(0, 256, (CHECKED_IMAGES, side, side, 3), dtype=np.uint8)
    return np.concatenate([noise, real])


def check(graph: bytes, base: Model, backbone: Backbone, pixels: np.ndarray) -> Agreement:
    """Compare the graph with Keras on `pixels`; raises DisagreementError."""
    with without_chatter():
        engine = Engine(graph)
    found = agreement(np.stack([engine(image) for image in pixels]), reference_features(base, backbone, pixels))
    found.require()
    return found


def record(backbone: Backbone, graph: bytes, checked: dict[str, Any]) -> dict[str, Any]:
    """Return what the JSON beside the graph says."""
    return BackboneDescription(
        name=backbone.name,
        digest=hashlib.sha256(graph).hexdigest(),
        file=f"{backbone.name}.tflite",
        height=backbone.side,
        width=backbone.side,
        dtype="uint8",
        output_width=backbone.output_width,
        provenance={
            "preprocessing": str(backbone.preprocessing),
            "licence": backbone.licence,
            "source": backbone.source,
            "checked": checked,
        },
    ).document()


def export(backbone: Backbone, base: Model, images: Path, output: Path) -> Agreement:
    """Convert `base`, check it on noise and on `images` (a folder), write `<name>.tflite` and `.json` to `output`.

    Raises NoImagesError and DisagreementError, and then has written nothing.
    """
    pixels = images_to_check(images, backbone.side)
    with progress(f"converting {backbone.name}"), without_chatter():
        graph = to_tflite(with_pixels(base, backbone))
    with progress(f"comparing it with Keras on {len(pixels)} images"):
        found = check(graph, base, backbone, pixels)
    checked = {"images": len(pixels), **asdict(found), "share_of_range": found.share_of_range}
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{backbone.name}.tflite").write_bytes(graph)
    text = json.dumps(record(backbone, graph, checked), indent=2, ensure_ascii=False)
    (output / f"{backbone.name}.json").write_text(text + "\n", encoding="utf-8")
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a name of backbones/registry.py")
    parser.add_argument("--weights", type=Path, help="a no-top weights file of Keras; without it Keras fetches its own")
    parser.add_argument("--images", type=Path, default=SAMPLES, help="folder of real images for the check")
    parser.add_argument("--output", type=Path, default=HERE / "exported", help="folder to write to")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    backbone = backbone_named(options.name)
    with progress(f"building {backbone.name}"), without_chatter():
        base = load_base(backbone, options.weights) if options.weights else fetch_base(backbone)
    found = export(backbone, base, options.images, options.output)
    path = options.output / f"{backbone.name}.tflite"
    size = path.stat().st_size / 1e6
    print(f"wrote {path} ({size:.1f} MB); it differs from Keras by {found.share_of_range:.1e} of the range")


def main() -> None:
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_SECONDS)  # Keras would wait for ever
    try:
        run(arguments())
    except (UnknownBackboneError, WeightsError, NoImagesError, DisagreementError) as error:
        sys.exit(f"export: {error}")


if __name__ == "__main__":
    main()
