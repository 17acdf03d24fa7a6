"""`bundle.json` in the package of `publish`: which files `sam build` packed for EMR Serverless."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True)
class BundleDescription:
    """The content of a bundle."""

    digest: str  # SHA-256 of all files, in hexadecimal
    files: Mapping[str, str]  # name → SHA-256, in hexadecimal
    backbones: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return the content of the document."""
        return FORMAT.encode(asdict(self))

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(name, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        backbones = tuple(document.pop("backbones"))
        return cls(backbones=backbones, **known_fields(cls, document))
