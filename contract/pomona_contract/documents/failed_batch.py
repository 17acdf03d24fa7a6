"""`queue/failed/<batch id>/batch.json`: why a batch, or one segment of it, was set aside."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from pomona_contract.segment_lines import DirtyKey
from pomona_contract.versions import Document, Format, known_fields, only

FORMAT = Format(written=2, readable=(1, 2))
_FORMAT_1 = only(1)


@dataclass(frozen=True)
class FailedBatch:
    """A batch, or one segment of it, that was set aside, and why."""

    batch_id: str
    attempts: int  # that failed; of a single segment: the attempt that set it aside
    reason: str
    failed_at: str  # ISO 8601, UTC
    keys: int
    segments: int

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        return FORMAT.versioned(asdict(self))

    def to_json(self) -> bytes:
        """Return the content of the document."""
        return FORMAT.encode(asdict(self))

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(name, body, cls._from_document)

    @classmethod
    def _from_document(cls, version: int, document: Document) -> Self:
        if version == 1:  # its keys were inside, and it had no segments
            document |= {"keys": len(document["keys"]), "segments": 0}
        return cls(**known_fields(cls, document))


def keys_of_format_1(name: str, body: bytes) -> list[DirtyKey]:
    """Return the keys that `queue/failed/<batch id>.json` of version 1 holds; raise FormatError if it is damaged."""

    def build(_version: int, document: Document) -> list[DirtyKey]:
        return [DirtyKey(**key) for key in document["keys"]]

    return _FORMAT_1.decode(name, body, build)
