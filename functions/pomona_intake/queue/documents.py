"""The queue's documents, `queue/active.json` and those of failed batches: their fields and their JSON."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self, TypeVar

from pomona_intake.errors import FormatError
from pomona_intake.queue.segments import DirtyKey

ACTIVE = "queue/active.json"
FORMAT = 2
FORMATS = (1, 2)
Read = TypeVar("Read")
_SHOWN = 60  # characters of a body that cannot be read


@dataclass(frozen=True)
class ClaimedSegment:
    """A segment of the batch in flight, and how many keys its name promised."""

    name: str
    keys: int


@dataclass(frozen=True)
class Claim:
    """The batch in flight. `parameters` are the arguments of StartJobRun without the client token."""

    batch_id: str
    attempt: int  # from 1; every run of the batch has a number of its own
    claimed_at: str  # ISO 8601, UTC
    segments: tuple[ClaimedSegment, ...]
    application_id: str
    parameters: dict[str, Any]
    run_id: str | None = None
    failures: int = 0  # attempts that reached RUNNING and failed: only these count against MaxAttempts
    not_before: str | None = None  # ISO 8601, UTC: this attempt is not started earlier
    last_failure: str = ""  # why the attempt before this one failed

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
        """Return the same attempt with its run."""
        return replace(self, run_id=run_id)

    def may_start(self, moment: datetime) -> bool:
        """Return whether the attempt need not wait any longer."""
        return self.not_before is None or moment >= datetime.fromisoformat(self.not_before)

    def attempted_again(
        self, application_id: str, parameters: dict[str, Any], failures: int, not_before: str, reason: str
    ) -> Self:
        """Return the next attempt, which is not started yet."""
        return replace(
            self,
            attempt=self.attempt + 1,
            application_id=application_id,
            parameters=parameters,
            run_id=None,
            failures=failures,
            not_before=not_before,
            last_failure=reason,
        )

    def to_json(self) -> bytes:
        """Return the content of `queue/active.json`."""
        return to_json(FORMAT, {**asdict(self), "keys": self.keys})

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a claim of any format that this release knows.

        Raises:
            FormatError: the document is no claim, or one of an unknown format.
        """
        return read_document(ACTIVE, body, FORMATS, cls._from_document)

    @classmethod
    def _from_document(cls, version: int, document: dict[str, Any]) -> Self:
        document.pop("keys")
        if version == 1:  # every attempt but the present one had failed, and counted
            document["failures"] = document["attempt"] - 1
        segments = tuple(ClaimedSegment(**segment) for segment in document.pop("segments"))
        claim = cls(segments=segments, **document)
        claim._check()
        return claim

    def _check(self) -> None:
        """ValueError for a field that holds what this release would stumble over later."""
        datetime.fromisoformat(self.claimed_at)
        if self.not_before is not None:
            datetime.fromisoformat(self.not_before)
        texts = (self.batch_id, self.application_id, self.parameters["name"], *self.names)
        numbers = (self.attempt, self.failures, *(segment.keys for segment in self.segments))
        if self.run_id is not None:
            texts += (self.run_id,)
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(self.last_failure, str):
            raise ValueError("a name is empty or no text")
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError("a count is no whole number")


@dataclass(frozen=True)
class FailedBatch:
    """A batch, or one segment of it, that was set aside, and why."""

    batch_id: str
    attempts: int  # that failed
    reason: str
    failed_at: str  # ISO 8601, UTC
    keys: int
    segments: int

    def to_json(self) -> bytes:
        """Return the content of `queue/failed/<batch id>/batch.json`."""
        return to_json(FORMAT, asdict(self))

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Read a document of any format that this release knows; FormatError if it is none."""
        return read_document(name, body, FORMATS, cls._from_document)

    @classmethod
    def _from_document(cls, version: int, document: dict[str, Any]) -> Self:
        if version == 1:  # its keys were inside, and it had no segments
            document |= {"keys": len(document["keys"]), "segments": 0}
        return cls(**document)


def keys_of_format_1(name: str, body: bytes) -> list[DirtyKey]:
    """Return the keys that `queue/failed/<batch id>.json` of format 1 holds; FormatError if it is none."""

    def read(_version: int, document: dict[str, Any]) -> list[DirtyKey]:
        return [DirtyKey(**key) for key in document["keys"]]

    return read_document(name, body, (1,), read)


def to_json(version: int, fields: dict[str, Any]) -> bytes:
    """Return a document with the version of its format."""
    return json.dumps({"format": version, **fields}, indent=1).encode()


def read_document(name: str, body: bytes, known: Collection[int], read: Callable[[int, dict[str, Any]], Read]) -> Read:
    """Read a JSON document whose `format` is one of the known versions.

    Args:
        read: makes the result from the version and the other fields; any error of it means a wrong document.

    Raises:
        FormatError: the document cannot be read; the text names it and says what is wrong with it.
    """
    document = _parse(name, body)
    version = document.pop("format", None)
    if version not in known:
        versions = " and ".join(map(str, known))
        raise FormatError(f"{name} has format {version!r}, but this release reads only format {versions}.")
    try:
        return read(version, document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{name} cannot be read: {type(error).__name__}: {error}.") from error


def _parse(name: str, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        held = f"it holds {body[:_SHOWN]!r}" if body else "it is empty"
        raise FormatError(f"{name} cannot be read: {held}, which is not JSON.") from error
    if not isinstance(document, dict):
        raise FormatError(f"{name} cannot be read: it holds {body[:_SHOWN]!r} instead of a JSON object.")
    return document
