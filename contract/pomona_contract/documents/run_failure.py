"""`runs/<batch id>-<attempt>.failure`: why an express run failed. The function `express` or `advance` writes it.

EMR Serverless tells why a run of the cluster failed; such a run has no document of this kind.
"""

from dataclasses import asdict, dataclass
from typing import Self

from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True)
class RunFailure:
    """An express run that failed."""

    batch_id: str
    attempt: int
    reason: str
    failed_at: str  # ISO 8601, UTC
    function_gb_seconds: float | None = None  # what Lambda bills for it; None: unknown (a crash or a time-out)
    ran: bool = True  # False: Lambda gave the event up without running the function

    def to_json(self) -> bytes:
        """Return the content of the document."""
        return FORMAT.encode(asdict(self))

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(name, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        return cls(**known_fields(cls, document))
