"""The documents of the queue, `queue/active.json` and `queue/failed/*.json`: their fields and their JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from intake.errors import FormatError
from intake.segments import DirtyKey

ACTIVE = "queue/active.json"
FAILED = "queue/failed/"
FORMAT = 1


@dataclass(frozen=True)
class ClaimedSegment:
    """A segment of the batch in flight, and how many keys its name promised."""

    name: str
    keys: int


@dataclass(frozen=True)
class Claim:
    """The batch in flight. `parameters` are the arguments of StartJobRun without the client token."""

    batch_id: str
    attempt: int  # from 1
    claimed_at: str  # ISO 8601, UTC
    segments: tuple[ClaimedSegment, ...]
    application_id: str
    parameters: dict[str, Any]
    run_id: str | None = None

    @property
    def token(self) -> str:
        """Makes StartJobRun idempotent for this attempt; a token that stays the same returns a failed run for ever."""
        return f"{self.batch_id}.{self.attempt}"

    @property
    def keys(self) -> int:
        """Keys in all segments."""
        return sum(segment.keys for segment in self.segments)

    @property
    def names(self) -> list[str]:
        """Names of the segments."""
        return [segment.name for segment in self.segments]

    def started(self, run_id: str) -> Self:
        """The same attempt with its run."""
        return replace(self, run_id=run_id)

    def attempted_again(self, application_id: str, parameters: dict[str, Any]) -> Self:
        """The next attempt, not started yet."""
        return replace(
            self, attempt=self.attempt + 1, application_id=application_id, parameters=parameters, run_id=None
        )

    def to_json(self) -> bytes:
        """The content of `queue/active.json`."""
        return _to_json({**asdict(self), "keys": self.keys})

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """The claim in a document; FormatError if its format is unknown."""
        document = _from_json(ACTIVE, body)
        document.pop("keys")
        segments = tuple(ClaimedSegment(**segment) for segment in document.pop("segments"))
        return cls(segments=segments, **document)


@dataclass(frozen=True)
class FailedBatch:
    """A batch that failed for good, with the keys of all its segments."""

    batch_id: str
    attempts: int
    reason: str
    failed_at: str  # ISO 8601, UTC
    keys: Sequence[DirtyKey]

    def to_json(self) -> bytes:
        """The content of `queue/failed/<batch id>.json`."""
        return _to_json(asdict(self))

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """The batch in a document; FormatError if its format is unknown."""
        document = _from_json(name, body)
        return cls(keys=[DirtyKey(**key) for key in document.pop("keys")], **document)


def failed_name(batch_id: str) -> str:
    """Where a failed batch lies."""
    return f"{FAILED}{batch_id}.json"


def _to_json(fields: dict[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, **fields}, indent=1).encode()


def _from_json(name: str, body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body)
    version = document.pop("format", None)
    if version != FORMAT:
        raise FormatError(f"{name} has format {version!r}, but this release reads only format {FORMAT}.")
    return document
