"""`runs/in-flight.progress`: how far a featurize run is. The run writes it while it reads images."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from pomona_contract.lake_layout import RUN_PROGRESS
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far one attempt at a batch is. The document of an earlier run stays until a run replaces it."""

    batch_id: str
    attempt: int
    keys: int
    done: int  # keys of the tasks that have ended
    workers: int  # the driver and its executors
    at: str  # ISO 8601, UTC

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        return FORMAT.versioned(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(RUN_PROGRESS, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        return cls(**known_fields(cls, document))
