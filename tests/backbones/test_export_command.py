"""`backbones/export.py` as a user runs it: weights from a file, or one clear sentence."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from networks import Model, build_base
from registry import BACKBONES

REPOSITORY = Path(__file__).parents[2]
# Keras writes weights in a way that NumPy 2 deprecates
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the command needs, in a folder whose name has a space in it."""
    folder = tmp_path_factory.mktemp("scratch") / "a clone"
    (folder / "backbones").mkdir(parents=True)
    for script in (REPOSITORY / "backbones").glob("*.py"):
        shutil.copy(script, folder / "backbones")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "contract", folder / "contract", ignore=ignored)
    shutil.copytree(REPOSITORY / "samples" / "images", folder / "samples" / "images")
    return folder


@dataclass(frozen=True)
class Result:
    """How the command has ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run(clone: Path) -> Iterator[Run]:
    """Run the command with some words, where nothing can be fetched and nothing is cached."""
    offline = {"https_proxy": NOWHERE, "http_proxy": NOWHERE, "KERAS_HOME": str(clone / "keras")}
    command = [sys.executable, Path(__file__).with_name("export_commands.py"), clone]
    with subprocess.Popen(
        command, env=os.environ | offline, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def result(*words: str | Path) -> Result:
            server.stdin.write(json.dumps([str(word) for word in words]) + "\n")
            server.stdin.flush()
            return Result(**json.loads(server.stdout.readline()))

        yield result
        server.stdin.close()


@pytest.fixture(scope="module")
def network() -> Model:
    return build_base(BACKBONES["fruitnet"])


def refusal(result: Result) -> str:
    assert result.returncode == 1
    assert result.stderr.startswith("export: ")
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_weights_of_keras_3_are_exported(run: Run, clone: Path, network: Model, tmp_path: Path) -> None:
    network.save_weights(tmp_path / "some.weights.h5")
    result = run("fruitnet", "--weights", tmp_path / "some.weights.h5")
    assert result.stderr == ""
    assert "wrote" in result.stdout
    assert json.loads((clone / "backbones/exported/fruitnet.json").read_text(encoding="utf-8"))["name"] == "fruitnet"


def test_weights_in_the_older_format_are_exported(run: Run, network: Model, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "some_no_top.h5", "w") as file:
        save_weights_to_hdf5_group(file, network)
    result = run("fruitnet", "--weights", tmp_path / "some_no_top.h5", "--output", tmp_path / "output")
    assert result.stderr == ""
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["fruitnet.json", "fruitnet.tflite"]


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "fruitnet"])
def test_weights_that_cannot_be_fetched_are_named(run: Run, name: str) -> None:
    said = refusal(run(name))
    assert f"Keras cannot fetch the weights of {name}; give {BACKBONES[name].weights_file} with --weights" in said


def test_the_weights_of_fruitnet_come_from_its_training(run: Run) -> None:
    assert "give fruitnet.weights.h5 with --weights: the training of fruitnet writes it" in refusal(run("fruitnet"))


def test_a_missing_weights_file_is_named(run: Run) -> None:
    said = refusal(run("vgg16", "--weights", "no such file.h5"))
    assert "there is no file no such file.h5; --weights takes vgg16_weights" in said


@pytest.mark.parametrize("file_name", ["list.h5", "list.weights.h5", "list.jpg"])
def test_a_file_without_weights_is_refused(run: Run, tmp_path: Path, file_name: str) -> None:
    (tmp_path / file_name).write_text("apples")
    said = refusal(run("mobilenet_v2", "--weights", tmp_path / file_name))
    assert f"{file_name} does not hold the weights of mobilenet_v2 without its top" in said


@pytest.mark.parametrize("other", ["mobilenet_v2", "vgg16"])
def test_another_network_s_weights_are_refused(run: Run, network: Model, tmp_path: Path, other: str) -> None:
    network.save_weights(tmp_path / "other.weights.h5")
    said = refusal(run(other, "--weights", tmp_path / "other.weights.h5"))
    assert f"other.weights.h5 does not hold the weights of {other} without its top" in said


def test_an_unknown_name_is_refused_with_the_names_that_there_are(run: Run) -> None:
    assert "no backbone 'vgg'; there are fruitnet, mobilenet_v2" in refusal(run("vgg"))
