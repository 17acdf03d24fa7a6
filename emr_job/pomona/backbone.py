"""The exported backbone: the description of a network in LiteRT's form, checked against its file.

This module knows nothing of how a network is run; that is `pomona.featurize.inference`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pomona.errors import MisconfiguredError

FORMAT = 1
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
        return f"{self.name}@{self.digest[:12]}"


def load_backbone(name: str, folder: Path | None = None) -> ExportedBackbone:
    """Return the backbone that `name`.json describes.

    Args:
        name: one of the template's BackboneName.
        folder: where the description and the network lie; BACKBONES_FOLDER if it is None.

    Raises:
        MisconfiguredError: the description or the network is missing, of another format, or altered.
    """
    description = (folder or BACKBONES_FOLDER) / f"{name}.json"
    if not description.is_file():
        raise MisconfiguredError(f"there is no backbone {name} beside the job: {description.name} is missing")
    backbone = _parse(json.loads(description.read_text()), description)
    digest = hashlib.sha256(backbone.file.read_bytes()).hexdigest() if backbone.file.is_file() else "missing"
    if digest != backbone.digest:
        raise MisconfiguredError(
            f"{backbone.file.name} is not the file that {description.name} describes: export again"
        )
    return backbone


def _parse(document: dict[str, Any], description: Path) -> ExportedBackbone:
    if document.get("format") != FORMAT:
        raise MisconfiguredError(f"{description.name} has format {document.get('format')!r}, this job reads {FORMAT}")
    if document["input"]["dtype"] != "uint8":
        raise MisconfiguredError(f"{description.name} takes {document['input']['dtype']}, this job gives uint8")
    return ExportedBackbone(
        name=document["name"],
        digest=document["digest"],
        file=description.parent / document["file"],
        height=document["input"]["height"],
        width=document["input"]["width"],
        output_width=document["output_width"],
    )
