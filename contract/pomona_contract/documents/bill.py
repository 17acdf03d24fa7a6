"""`runs/<run>.billed.json`: what a run cost. `advance` writes one for each featurize run and each refit."""

from dataclasses import asdict, dataclass
from typing import Self

from pomona_contract.prices import BilledHours
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The bill of an ended run. The hours are None until EMR Serverless tells them."""

    batch_id: str
    attempt: int
    run_id: str
    state: str  # in EMR Serverless' word; of an express run too
    seconds: int | None
    reason: str | None = None  # of a failure, else empty; None: an earlier release did not record it
    vcpu_hours: float | None
    memory_gb_hours: float | None
    storage_gb_hours: float | None
    function_gb_hours: float | None = 0.0  # of an express run; None: not known
    cost: float | None = None  # at the prices of its day; None: not known
    currency: str | None = None

    @property
    def billed(self) -> BilledHours | None:
        """Return the billed hours, None if they are not known yet."""
        if self.vcpu_hours is None or self.memory_gb_hours is None or self.storage_gb_hours is None:
            return None
        return BilledHours(self.vcpu_hours, self.memory_gb_hours, self.storage_gb_hours, self.function_gb_hours or 0.0)

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
