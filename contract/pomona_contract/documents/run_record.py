"""`runs/<batch id>-<attempt>.json`: what a featurize run did. The run writes it."""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pomona_contract.lanes import Lane
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)


@dataclass(frozen=True)
class SetAsideSegment:
    """A segment with lines that the run could not use. It is a failed batch of its own."""

    batch_id: str
    reason: str


@dataclass(frozen=True)
class MaintenanceReport:
    """What the run did to maintain the table, and why not all of it."""

    done: Sequence[str]
    error: str  # empty if nothing is left to do


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The record of a featurize run. A field that is None was not recorded by the release that wrote the document."""

    batch_id: str
    attempt: int
    backbone: str  # name@digest
    started_at: str  # ISO 8601, UTC
    finished_at: str  # ISO 8601, UTC
    snapshot_id: int
    lane: Lane = Lane.CLUSTER
    keys: int
    images: Mapping[str, int]
    """Keys by Outcome."""
    deferred: int = 0
    """Keys that the express lane has left to the cluster; `images` does not count them."""
    segments_missing: int
    set_aside: Sequence[SetAsideSegment] = ()
    bytes: int
    retries: int
    fallbacks: Mapping[str, int] | None = None
    """Objects that boto3 read in obstore's place, by reason."""
    careful: int | None = None
    """Images that were decoded in a child process."""
    maintenance: MaintenanceReport
    seconds: Mapping[str, float]
    """By part of the run; `total` is the whole run."""
    function_gb_seconds: float = 0.0
    """What Lambda bills for the run, as the function itself has measured it."""

    def document(self) -> dict[str, Any]:
        """Return the document with its version."""
        return FORMAT.versioned(asdict(self))

    @classmethod
    def from_json(cls, name: str, body: builtins.bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(name, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        maintenance = MaintenanceReport(**known_fields(MaintenanceReport, document.pop("maintenance")))
        segments = document.pop("set_aside", ())
        set_aside = tuple(SetAsideSegment(**known_fields(SetAsideSegment, one)) for one in segments)
        lane = Lane(document.pop("lane", Lane.CLUSTER))
        return cls(maintenance=maintenance, set_aside=set_aside, lane=lane, **known_fields(cls, document))
