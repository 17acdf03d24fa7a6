"""`queue/active.json`: the batch in flight."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from pomona_contract.lake_layout import CLAIM
from pomona_contract.lanes import Lane
from pomona_contract.versions import Document, Format, known_fields

FORMAT = Format(written=2, readable=(1, 2, 3))
# A release that knows no lanes would ask EMR Serverless for an express run; it refuses this version instead.
EXPRESS_FORMAT = Format(written=3, readable=FORMAT.readable)


@dataclass(frozen=True)
class ClaimedSegment:
    """A segment of the batch in flight, and how many keys its name tells."""

    name: str
    keys: int


@dataclass(frozen=True)
class Claim:
    """The batch in flight.

    `parameters` are the arguments of StartJobRun without the client token or, on the express lane, the event of the
    function `express`.
    """

    batch_id: str
    attempt: int  # from 1; every run of the batch has its own number
    claimed_at: str  # ISO 8601, UTC
    segments: tuple[ClaimedSegment, ...]
    application_id: str
    parameters: dict[str, Any]
    run_id: str | None = None
    failures: int = 0  # attempts that reached RUNNING and failed: only these count against MaxAttempts
    not_before: str | None = None  # ISO 8601, UTC: this attempt is not started earlier
    last_failure: str = ""  # why the previous attempt failed
    lane: Lane = Lane.CLUSTER  # of this attempt
    careful: bool = False  # an earlier attempt has run and failed, on either lane: an image may be the cause

    @property
    def token(self) -> str:
        """Return the client token that makes StartJobRun idempotent for this attempt.

        Each attempt has its own: the same token would return the failed run again.
        """
        return f"{self.batch_id}.{self.attempt}"

    @property
    def keys(self) -> int:
        """Return the number of keys in all segments."""
        return sum(segment.keys for segment in self.segments)

    @property
    def names(self) -> list[str]:
        """Return the names of the segments."""
        return [segment.name for segment in self.segments]

    def started(self, run_id: str) -> Self:
        """Return the same attempt with its run."""
        return replace(self, run_id=run_id)

    def may_start(self, moment: datetime) -> bool:
        """Return True if the attempt need not wait any longer."""
        return self.not_before is None or moment >= datetime.fromisoformat(self.not_before)

    def attempted_again(
        self,
        application_id: str,
        parameters: dict[str, Any],
        failures: int,
        not_before: str,
        reason: str,
        *,
        careful: bool,
    ) -> Self:
        """Return the next attempt, which is not started yet. It runs on the cluster, whatever the last one did."""
        return replace(
            self,
            lane=Lane.CLUSTER,
            careful=careful,
            attempt=self.attempt + 1,
            application_id=application_id,
            parameters=parameters,
            run_id=None,
            failures=failures,
            not_before=not_before,
            last_failure=reason,
        )

    def to_json(self) -> bytes:
        """Return the content of the document."""
        written = EXPRESS_FORMAT if self.lane is Lane.EXPRESS else FORMAT
        return written.encode({**asdict(self), "keys": self.keys})

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(CLAIM, body, cls._from_document)

    @classmethod
    def _from_document(cls, version: int, document: Document) -> Self:
        document.pop("keys")
        if version == 1:  # every attempt before the present one had failed, and counted
            document["failures"] = document["attempt"] - 1
        segments = tuple(ClaimedSegment(**known_fields(ClaimedSegment, one)) for one in document.pop("segments"))
        lane = Lane(document.pop("lane", Lane.CLUSTER))
        claim = cls(segments=segments, lane=lane, **known_fields(cls, document))
        claim._check()
        return claim

    def _check(self) -> None:
        """Raise ValueError for a field whose value would be an error later."""
        datetime.fromisoformat(self.claimed_at)
        if self.not_before is not None:
            datetime.fromisoformat(self.not_before)
        texts = (self.batch_id, self.application_id, self.parameters["name"], *self.names)
        numbers = (self.attempt, self.failures, *(segment.keys for segment in self.segments))
        if self.run_id is not None:
            texts += (self.run_id,)
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(self.last_failure, str):
            raise ValueError("a name is empty or not a text")
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError("a count is not a whole number")
        if not isinstance(self.careful, bool):
            raise TypeError("careful is neither true nor false")
