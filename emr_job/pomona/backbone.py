"""The exported backbone: the description of a network in LiteRT's form, checked against its file.

This module knows nothing of how a network is run; that is `pomona.inference`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pomona.errors import MisconfiguredError
from pomona_contract.documents.backbone import BackboneDescription, backbone_label

BACKBONES_FOLDER = Path(__file__).parents[1] / "backbones"
"""Where job.tar.gz brings the backbones: beside this package."""


@dataclass(frozen=True)
class ExportedBackbone:
    """A network in LiteRT's form: takes uint8 [1, height, width, 3] RGB, gives float32 [1, output_width]."""

    name: str
    digest: str
    """SHA-256 of the file, in hexadecimal."""
    file: Path
    height: int
    """Of the input, in pixels."""
    width: int
    """Of the input, in pixels."""
    output_width: int
    """Number of features."""

    @property
    def label(self) -> str:
        """Return what the feature table stores beside each row: rows with two different labels are never compared."""
        return backbone_label(self.name, self.digest)


def load_backbone(name: str, folder: Path | None = None) -> ExportedBackbone:
    """Return the backbone that `name`.json describes.

    Args:
        name: one of the template's BackboneName.
        folder: where the description and the network lie; BACKBONES_FOLDER if it is None.

    Raises:
        MisconfiguredError: the description or the network is missing or altered.
        FormatError: the description cannot be read, or its version is unknown.
    """
    description = (folder or BACKBONES_FOLDER) / f"{name}.json"
    if not description.is_file():
        raise MisconfiguredError(f"there is no backbone {name} beside the job: {description.name} is missing")
    backbone = _exported(BackboneDescription.from_json(description.name, description.read_bytes()), description.parent)
    digest = hashlib.sha256(backbone.file.read_bytes()).hexdigest() if backbone.file.is_file() else "missing"
    if digest != backbone.digest:
        raise MisconfiguredError(
            f"{backbone.file.name} is not the file that {description.name} describes: export again"
        )
    return backbone


def _exported(network: BackboneDescription, folder: Path) -> ExportedBackbone:
    if network.dtype != "uint8":
        raise MisconfiguredError(f"{network.name}.json takes {network.dtype}, this job gives uint8")
    return ExportedBackbone(
        name=network.name,
        digest=network.digest,
        file=folder / network.file,
        height=network.height,
        width=network.width,
        output_width=network.output_width,
    )
