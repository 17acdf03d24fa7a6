"""`results/nothing-to-fit.json`: why the last refit has no results. A refit that has some deletes the document."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from pomona_contract.lake_layout import NOTHING_TO_FIT
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True, kw_only=True)
class NothingToFit:
    """What a refit found instead of rows that it can fit."""

    table_uuid: str  # Iceberg's
    snapshot_id: int
    components_asked: str  # a number such as `100`, or a share of the variance such as `0.95`
    backbone: str  # name@digest
    reason: str  # one sentence without its full stop
    stale: int  # rows with features of another backbone, which a backfill would featurize again
    found_at: str  # ISO 8601, UTC

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        return FORMAT.versioned(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(NOTHING_TO_FIT, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        return cls(**known_fields(cls, document))
