"""What is declared of the backbones, and that the committed one is what its description says."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from registry import BACKBONES, UnknownBackboneError, backbone_named

BACKBONES_FOLDER = Path(__file__).parents[2] / "backbones"


@pytest.mark.parametrize(
    ("name", "side", "output_width"),
    [
        ("fruitnet", 96, 1280),
        ("mobilenet_v2", 224, 1280),
        ("vgg16", 224, 512),
        ("inception_v3", 299, 2048),
        ("resnet50", 224, 2048),
        ("efficientnet_b0", 224, 1280),
    ],
)
def test_a_backbone_has_the_input_and_output_of_its_paper(name: str, side: int, output_width: int) -> None:
    backbone = backbone_named(name)
    assert (backbone.side, backbone.output_width) == (side, output_width)


def test_every_backbone_names_its_licence_its_source_and_its_weights() -> None:
    for name, backbone in BACKBONES.items():
        assert backbone.name == name
        assert backbone.licence
        assert "arXiv:" in backbone.source
        assert backbone.weights_file.endswith(".h5")


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(UnknownBackboneError, match="no backbone 'vgg'; there are fruitnet, mobilenet_v2, vgg16"):
        backbone_named("vgg")


def test_the_registry_needs_neither_tensorflow_nor_litert() -> None:
    program = (
        "import sys, registry; sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'ai_edge_litert')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=BACKBONES_FOLDER, check=False).returncode == 0


def test_preprocessing_reads_as_a_formula() -> None:
    assert str(backbone_named("vgg16").preprocessing) == "BGR * 1 + (-103.939, -116.779, -123.68)"


def test_the_committed_fruitnet_is_the_file_that_its_description_names() -> None:
    description = json.loads((BACKBONES_FOLDER / "fruitnet.json").read_text(encoding="utf-8"))
    graph = (BACKBONES_FOLDER / description["file"]).read_bytes()
    assert description["digest"] == hashlib.sha256(graph).hexdigest()
    assert len(graph) <= 2_000_000


def test_the_description_of_fruitnet_agrees_with_the_registry() -> None:
    description = json.loads((BACKBONES_FOLDER / "fruitnet.json").read_text(encoding="utf-8"))
    fruitnet = backbone_named("fruitnet")
    assert description["input"] == {"height": fruitnet.side, "width": fruitnet.side, "dtype": "uint8"}
    assert description["output_width"] == fruitnet.output_width
    assert description["preprocessing"] == str(fruitnet.preprocessing)
    assert description["checked"]["share_of_range"] <= 1e-4


def test_fruitnet_runs_and_gives_what_its_description_says() -> None:
    import numpy as np

    from engine import Engine

    engine = Engine(BACKBONES_FOLDER / "fruitnet.tflite")
    features = engine(np.full((engine.side, engine.side, 3), 200, np.uint8))
    assert engine.input["dtype"] is np.uint8
    assert features.shape == (1280,)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
