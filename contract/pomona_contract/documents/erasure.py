"""`erasures/open/<id>.json`: a request to erase images; `erasures/final/<id>.json` when nothing of them is left."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from pomona_contract.lake_layout import FINAL_ERASURES, OPEN_ERASURES
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)
DELETING, OPEN, FINAL = "deleting", "open", "final"
"""Deleting: objects are still being deleted. Open: the table may still hold rows. Final: nothing is left."""


@dataclass(frozen=True)
class Erasure:
    """A request to erase the rows of a prefix, or of some keys. The run that finds none of them left makes it final."""

    id: str
    requested_at: str
    """ISO 8601, UTC: every object that was there before goes; once the erasure is open, after the last deletion."""
    bucket: str
    prefix: str | None
    keys: Sequence[str]
    state: str = OPEN
    final_at: str | None = None  # ISO 8601, UTC
    first_requested_at: str | None = None  # ISO 8601, UTC: before any deletion; None in older documents

    @property
    def is_open(self) -> bool:
        """Return True if the objects are deleted and a run has to look for rows that are left."""
        return self.state == OPEN

    @property
    def is_final(self) -> bool:
        """Return True if nothing of it is left."""
        return self.state == FINAL

    @property
    def open_since(self) -> str:
        """Return when it was first asked for, however often it was interrupted and repeated."""
        return self.first_requested_at or self.requested_at

    @property
    def key(self) -> str:
        """Return where the document lies in the lake."""
        return f"{FINAL_ERASURES if self.is_final else OPEN_ERASURES}{self.id}.json"

    def made_final(self, moment: datetime) -> Self:
        """Return the erasure of which nothing is left since this moment."""
        return replace(self, state=FINAL, final_at=moment.isoformat())

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
    def _from_document(cls, _version: int, document: Document) -> Self:
        for required in ("state", "final_at"):  # they have defaults for a new erasure only
            document[required]
        return cls(**known_fields(cls, document))
