"""`results/latest.json`: which results are the newest, what they were fitted to, and with which settings."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pomona_contract.lake_layout import LATEST_RESULTS
from pomona_contract.versions import Document, only

FORMAT = only(1)


@dataclass(frozen=True, kw_only=True)
class LatestResults:
    """The summary of a refit. A field that is None was not recorded by the release that wrote the document."""

    table_uuid: str | None  # Iceberg's; another one when the table is dropped and created again
    snapshot_id: int
    sequence_number: int | None
    committed_at: str | None  # ISO 8601, UTC: when the snapshot was committed
    prefix: str | None  # the folder of the results
    components: int | None  # how many were kept
    components_asked: str | None  # a number such as `100`, or a share of the variance such as `0.95`
    variance: float | None  # share that the components explain
    rows: int | None  # with features of the backbone
    images: int | None = None  # rows of any kind
    errors: int | None = None  # rows of images that could not be read
    classes: int | None = None  # different labels of the fitted rows
    backbone: str | None  # name@digest
    refitted_at: str | None  # ISO 8601, UTC

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        return FORMAT.versioned(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(LATEST_RESULTS, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        snapshot_id = int(document.pop("snapshot_id"))
        others = {field.name: document.get(field.name) for field in fields(cls) if field.name != "snapshot_id"}
        return cls(snapshot_id=snapshot_id, **others)
