"""A backbone is run only if it is the file that its description names, in a format that the job knows."""

import json
import shutil

import numpy as np
import pytest

from pomona.backbone import load_backbone
from pomona.errors import MisconfiguredError
from pomona.inference import InferenceEngine, cached_engine
from pomona_contract.errors import FormatError


@pytest.fixture
def folder(tmp_path, request):
    shutil.copy(request.config.rootpath / "backbones" / "fruitnet.tflite", tmp_path)
    shutil.copy(request.config.rootpath / "backbones" / "fruitnet.json", tmp_path)
    return tmp_path


def describe(folder, **changes) -> None:
    file = folder / "fruitnet.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_committed_backbone_gives_finite_features_of_its_width(folder):
    backbone = load_backbone("fruitnet", folder)
    image = np.random.default_rng(0).integers(0, 255, (backbone.height, backbone.width, 3), np.uint8)
    features = InferenceEngine(backbone).run(image)
    assert (features.shape, features.dtype) == ((backbone.output_width,), np.float32)
    assert np.isfinite(features).all()
    assert features.std() > 0


def test_features_follow_the_image_and_nothing_else(folder):
    engine = cached_engine("fruitnet", folder)
    black = np.zeros((engine.backbone.height, engine.backbone.width, 3), np.uint8)
    first = engine.run(black).copy()
    assert not np.allclose(engine.run(black + 200), first)
    assert np.array_equal(engine.run(black), first)


def test_the_label_names_the_exact_file(folder):
    backbone = load_backbone("fruitnet", folder)
    assert backbone.label == f"fruitnet@{backbone.digest[:12]}"


def test_one_engine_a_process(folder):
    assert cached_engine("fruitnet", folder) is cached_engine("fruitnet", folder)


def test_a_missing_backbone_is_named(folder):
    with pytest.raises(
        MisconfiguredError, match=r"there is no backbone resnet50 beside the job: resnet50.json is missing"
    ):
        load_backbone("resnet50", folder)


def test_a_description_of_another_format_is_refused(folder):
    describe(folder, format=2)
    with pytest.raises(FormatError, match="has format 2, but this release reads only format 1"):
        load_backbone("fruitnet", folder)


def test_a_network_that_does_not_take_bytes_is_refused(folder):
    describe(folder, input={"height": 96, "width": 96, "dtype": "float32"})
    with pytest.raises(MisconfiguredError, match="takes float32, this job gives uint8"):
        load_backbone("fruitnet", folder)


@pytest.mark.parametrize("alter", [lambda file: file.write_bytes(b"x"), lambda file: file.unlink()])
def test_a_network_that_is_not_the_described_one_is_refused(folder, alter):
    alter(folder / "fruitnet.tflite")
    with pytest.raises(MisconfiguredError, match="is not the file that"):
        load_backbone("fruitnet", folder)
