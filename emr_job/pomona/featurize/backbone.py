"""The network that turns an image into features: what it is (Backbone) and how it is run (Engine)."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pomona.errors import MisconfiguredError
from pomona_contract.documents.backbone import BackboneDescription, backbone_label

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
        return backbone_label(self.name, self.digest)


def load_backbone(name: str, folder: Path | None = None) -> Backbone:
    """The backbone described by `name`.json; MisconfiguredError if it is missing, of another format or altered."""
    description = (folder or BESIDE_THIS_PACKAGE) / f"{name}.json"
    if not description.is_file():
        raise MisconfiguredError(f"there is no backbone {name} beside the job: {description.name} is missing")
    backbone = _described(BackboneDescription.from_json(description.name, description.read_bytes()), description.parent)
    digest = hashlib.sha256(backbone.file.read_bytes()).hexdigest() if backbone.file.is_file() else "missing"
    if digest != backbone.digest:
        raise MisconfiguredError(
            f"{backbone.file.name} is not the file that {description.name} describes: export again"
        )
    return backbone


def _described(network: BackboneDescription, folder: Path) -> Backbone:
    if network.dtype != "uint8":
        raise MisconfiguredError(f"{network.name}.json takes {network.dtype}, this job gives uint8")
    return Backbone(
        name=network.name,
        digest=network.digest,
        file=folder / network.file,
        height=network.height,
        width=network.width,
        output_width=network.output_width,
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
