"""`backbones/<name>.json`: what a network takes and gives; `backbones/export.py` writes it beside the `.tflite`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pomona_contract.versions import Document, only

FORMAT = only(1)
_DIGITS_OF_A_LABEL = 12


@dataclass(frozen=True)
class BackboneDescription:
    """A network in LiteRT's form: takes [1, height, width, 3] RGB of `dtype`, gives float32 [1, output_width]."""

    name: str
    digest: str  # SHA-256 of the `.tflite`, in hexadecimal
    file: str
    height: int
    width: int
    dtype: str
    output_width: int
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Further fields for people: preprocessing, licence, source, and how the network was checked."""

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        taken = {"height": self.height, "width": self.width, "dtype": self.dtype}
        known = {"name": self.name, "digest": self.digest, "file": self.file, "input": taken}
        return FORMAT.versioned({**known, "output_width": self.output_width, **self.provenance})

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(name, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        taken = document.pop("input")
        known = {name: document.pop(name) for name in ("name", "digest", "file", "output_width")}
        return cls(height=taken["height"], width=taken["width"], dtype=taken["dtype"], provenance=document, **known)


def backbone_label(name: str, digest: str) -> str:
    """Return what the feature table writes beside each row: rows of two digests are never compared."""
    return f"{name}@{digest[:_DIGITS_OF_A_LABEL]}"


def backbone_of_label(label: str) -> str:
    """Return the name in a backbone's label."""
    return label.partition("@")[0]
