"""An exported graph gives Keras's features, or is not written."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from agreement import DisagreementError
from engine import Engine
from export import SAMPLES, NoImagesError, export
from images import load_rgb
from networks import build_base, keras, reference_features
from registry import BACKBONES, CAFFE

NAMES = list(BACKBONES)
PHOTOGRAPH = SAMPLES / "kiwi" / "kiwi-03.jpg"


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.CHECKED_IMAGES", 2)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    keras.utils.set_random_seed(3)
    return request.param


@pytest.mark.usefixtures("few_images")
def test_an_exported_network_gives_the_features_of_keras(name: str, tmp_path: Path) -> None:
    # Given a network with random weights
    backbone = BACKBONES[name]
    base = build_base(backbone)
    # When it is exported and run on an image
    export(backbone, base, SAMPLES, tmp_path)
    pixels = load_rgb(PHOTOGRAPH.read_bytes(), backbone.side)
    features = Engine(tmp_path / f"{name}.tflite")(pixels)
    # Then its features are those of Keras
    reference = reference_features(base, backbone, pixels[None])[0]
    cosine = features @ reference / np.linalg.norm(features) / np.linalg.norm(reference)
    assert features.shape == (backbone.output_width,)
    assert features.dtype == np.float32
    assert cosine >= 0.9999
    assert np.abs(features - reference).max() <= 1e-4 * np.ptp(reference)
    # And its description is the file's
    described = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert described["digest"] == hashlib.sha256((tmp_path / f"{name}.tflite").read_bytes()).hexdigest()
    assert described["input"] == {"height": backbone.side, "width": backbone.side, "dtype": "uint8"}
    assert described["output_width"] == backbone.output_width
    assert described["checked"]["images"] == 4


@pytest.mark.usefixtures("few_images")
def test_exporting_again_gives_the_same_bytes(tmp_path: Path) -> None:
    base = build_base(BACKBONES["fruitnet"])
    for folder in ("one", "two"):
        export(BACKBONES["fruitnet"], base, SAMPLES, tmp_path / folder)
    assert (tmp_path / "one/fruitnet.tflite").read_bytes() == (tmp_path / "two/fruitnet.tflite").read_bytes()


@pytest.mark.usefixtures("few_images")
def test_a_graph_that_normalises_wrongly_is_not_written(tmp_path: Path) -> None:
    # Given a declaration with another network's preprocessing
    wrong = dataclasses.replace(BACKBONES["fruitnet"], preprocessing=CAFFE)
    # When it is exported, then it is refused and nothing is left behind
    with pytest.raises(DisagreementError, match="differs from Keras"):
        export(wrong, build_base(wrong), SAMPLES, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_real_image_to_check_with_nothing_is_written(tmp_path: Path) -> None:
    # Given a folder with a text file called .jpg
    images = tmp_path / "images"
    images.mkdir()
    (images / "list.jpg").write_text("apples")
    # When a backbone is exported, then it is refused
    with pytest.raises(NoImagesError, match="there is no image in"):
        export(BACKBONES["fruitnet"], build_base(BACKBONES["fruitnet"]), images, tmp_path / "output")
    assert not (tmp_path / "output").exists()
