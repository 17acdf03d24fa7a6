"""The network that turns an image into features: what it is (Backbone) and how it is run (Engine)."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pomona.errors import MisconfiguredError

FORMAT = 1
BESIDE_THIS_PACKAGE = Path(__file__).parents[2] / "backbones"


@dataclass(frozen=True)
class Backbone:
    """A network in LiteRT's form: takes uint8 [1, height, width, 3] RGB, gives float32 [1, output_width]."""

    name: str
    digest: str
    """SHA-256 of the file, in hexadecimal."""
    file: Path
    height: int
    width: int
    output_width: int

    @property
    def label(self) -> str:
        """What the feature table writes beside each row: rows of two digests are never compared."""
        return f"{self.name}@{self.digest[:12]}"


def load_backbone(name: str, folder: Path | None = None) -> Backbone:
    """The backbone described by `name`.json; MisconfiguredError if it is missing, of another format or altered."""
    description = (folder or BESIDE_THIS_PACKAGE) / f"{name}.json"
    if not description.is_file():
        raise MisconfiguredError(f"there is no backbone {name} beside the job: {description.name} is missing")
    backbone = _described(json.loads(description.read_text()), description)
    digest = hashlib.sha256(backbone.file.read_bytes()).hexdigest() if backbone.file.is_file() else "missing"
    if digest != backbone.digest:
        raise MisconfiguredError(
            f"{backbone.file.name} is not the file that {description.name} describes: export again"
        )
    return backbone


def _described(document: dict[str, Any], description: Path) -> Backbone:
    if document.get("format") != FORMAT:
        raise MisconfiguredError(f"{description.name} has format {document.get('format')!r}, this job reads {FORMAT}")
    if document["input"]["dtype"] != "uint8":
        raise MisconfiguredError(f"{description.name} takes {document['input']['dtype']}, this job gives uint8")
    return Backbone(
        name=document["name"],
        digest=document["digest"],
        file=description.parent / document["file"],
        height=document["input"]["height"],
        width=document["input"]["width"],
        output_width=document["output_width"],
    )


class Engine:
    """Runs a backbone on one core, one image at a time: faster than larger batches, and each core has its own task."""

    def __init__(self, backbone: Backbone) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.backbone = backbone
        self._interpreter = Interpreter(model_path=str(backbone.file), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def run(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The features, float32 [output_width], of an image, uint8 [height, width, 3] RGB."""
        self._interpreter.set_tensor(self._input, image[np.newaxis])
        self._interpreter.invoke()
        features: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return features


@functools.cache
def engine_of(name: str, folder: Path | None = None) -> Engine:
    """This process's engine for the backbone of that name, checked once: Spark uses a worker again for many tasks."""
    return Engine(load_backbone(name, folder))
