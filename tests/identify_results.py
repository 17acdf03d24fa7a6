"""Results of a refit of some sample images, made by hand, as `identify` reads them from a lake."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pomona.backbone import load_backbone
from pomona.classifier.lda import LinearClassifier
from pomona.identify.neighbours import NeighboursBuilder, neighbours_bytes
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessingSpec, preprocess
from pomona.inference import cached_engine
from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount
from pomona.pca.model import fit
from pomona.projection import FittedModel, model_bytes, project
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import LATEST_RESULTS, backbone_folder, results_folder

ROOT = Path(__file__).parents[1]
BACKBONES, IMAGES = ROOT / "backbones", ROOT / "samples" / "images"
LIMITS = Limits(max_image_pixels=100_000_000, max_decoded_bytes=2**29, max_jpeg_scans=100)
FRUITS = ("apple", "banana", "kiwi", "lemon")
ACCURACY = 0.975
LABEL = load_backbone("fruitnet", BACKBONES).label


def new_image(fruit: str) -> bytes:
    """A photograph of which the results do not know."""
    return (IMAGES / fruit / f"{fruit}-11.jpg").read_bytes()


def sample_features(key: str) -> NDArray[np.float32]:
    """The features of a sample image."""
    engine = cached_engine("fruitnet", BACKBONES)
    spec = PreprocessingSpec(engine.backbone.height, engine.backbone.width, LIMITS)
    return engine.run(preprocess((IMAGES / key).read_bytes(), spec).pixels)


@cache
def fitted_results(fruits: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The content of model.npz and neighbours.npz of ten images of each fruit: the nearest class mean wins."""
    keys = [f"{fruit}/{fruit}-{number:02d}.jpg" for fruit in fruits for number in range(10)]
    rows = np.stack([sample_features(key) for key in keys])
    means = rows.reshape(len(fruits), 10, -1).mean(axis=1).astype(np.float64)
    classifier = LinearClassifier(means, -(means**2).sum(axis=1) / 2) if len(fruits) > 1 else None
    pca = fit(CoMoments.of(rows), ComponentCount(8))
    model = FittedModel.of(pca, fruits, np.full(len(fruits), 10), classifier)
    builder = NeighboursBuilder()
    builder.add(keys, [key.partition("/")[0] for key in keys], project(rows, pca))
    return model_bytes(model), neighbours_bytes(builder.finish())


def put_backbone(s3: Any, lake: str) -> None:
    for name in ("fruitnet.tflite", "fruitnet.json"):
        s3.upload_file(str(BACKBONES / name), lake, backbone_folder(LABEL) + name)


def put_results(s3: Any, lake: str, fruits: tuple[str, ...] = FRUITS, snapshot_id: int = 7) -> str:
    """Write the results and return their folder."""
    model, neighbours = fitted_results(fruits)
    prefix = results_folder(snapshot_id)
    files = {"model.npz": model, "neighbours.npz": neighbours}
    if len(fruits) > 1:
        files["evaluation.json"] = json.dumps({"accuracy": ACCURACY}).encode()
    for name, body in files.items():
        s3.put_object(Bucket=lake, Key=prefix + name, Body=body)
    return put_latest(s3, lake, 10 * len(fruits), snapshot_id)


def put_latest(s3: Any, lake: str, rows: int, snapshot_id: int = 7) -> str:
    """Let `latest.json` name the results of a snapshot, and return their folder."""
    prefix = results_folder(snapshot_id)
    latest = LatestResults(
        table_uuid="t",
        snapshot_id=snapshot_id,
        sequence_number=snapshot_id,
        committed_at="2026-11-20T12:00:00+00:00",
        prefix=prefix,
        components=8,
        components_asked="8",
        variance=0.9,
        rows=rows,
        backbone=LABEL,
        refitted_at="2026-11-20T12:05:00+00:00",
    )
    s3.put_object(Bucket=lake, Key=LATEST_RESULTS, Body=io.BytesIO(json.dumps(latest.document()).encode()))
    return prefix
