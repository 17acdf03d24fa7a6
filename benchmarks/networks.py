"""The network that is measured, made once: with a file's weights, Keras's, or random ones where there are none."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.places import BUILD, PYTHON, ROOT, BenchError

COMMITTED = ROOT / "backbones"
RANDOM = "random"


@dataclass(frozen=True)
class Network:
    """A folder with `name`.tflite and .json (ours) and `name`.weights.h5 (Keras's)."""

    name: str
    folder: Path

    @property
    def weights(self) -> Path:
        """What Keras loads."""
        return self.folder / f"{self.name}.weights.h5"

    @property
    def source(self) -> str:
        """Where the weights are from: the repository, a file's name, Keras, or RANDOM."""
        if self.folder == COMMITTED:
            return "the repository"
        return str(json.loads((self.folder / "source.txt").read_text()))


def network(name: str, weights: Path | None) -> Network:
    """The network of the registry's name, made the first time."""
    made_from = hashlib.sha256(weights.read_bytes()).hexdigest()[:12] if weights else "fetched"
    folder = BUILD / "networks" / f"{name}-{made_from}"
    if not (folder / "source.txt").exists():
        _make(name, weights, folder)
    return Network(name, folder)


def graph(name: str, weights: Path | None) -> Network:
    """The network for a measurement without Keras: that of the repository, if it has it."""
    is_committed = (COMMITTED / f"{name}.tflite").exists() and not weights
    return Network(name, COMMITTED) if is_committed else network(name, weights)


def _make(name: str, weights: Path | None, folder: Path) -> None:
    print(f"exporting {name} (once)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    script = ROOT / "benchmarks" / "field" / "network.py"
    options = ["--weights", str(weights.resolve())] if weights else []
    environment = os.environ | {"PYTHONPATH": str(ROOT / "backbones")}
    made = subprocess.run([PYTHON, script, name, folder, *options], env=environment, capture_output=True, check=False)
    if made.returncode:
        said = made.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise BenchError(f"{name} could not be exported: {' '.join(said)}")
