"""`queue/line.json`: whether batches fail in a row, and until when nothing is launched then.

A single failing batch concerns that batch alone. Two different batches that fail, with no success between them, mean
an outage or a wrong setting: launching more would only cost runs and move the whole queue to `queue/failed/`.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Self

from pomona_contract.lake_layout import FAILURE_PAUSE
from pomona_contract.times import iso
from pomona_contract.versions import Document, known_fields, only

FORMAT = only(1)
_BATCHES_THAT_PAUSE = 2


@dataclass(frozen=True)
class FailurePause:
    """The batches that have failed since the last success, and the pause that they cause."""

    failed: tuple[str, ...] = ()  # ids of the batches whose runs failed, each once
    paused_until: str | None = None  # ISO 8601, UTC
    reason: str = ""  # of the last failure

    def is_paused(self, moment: datetime) -> bool:
        """Return True if nothing may be launched at this moment."""
        return self.paused_until is not None and moment < datetime.fromisoformat(self.paused_until)

    def after_failure(self, batch_id: str, reason: str, moment: datetime, pause: timedelta) -> Self:
        """Return the state after a run of this batch failed: paused if two batches have failed in a row."""
        failed = tuple(dict.fromkeys((*self.failed, batch_id)))
        until = iso(moment + pause) if len(failed) >= _BATCHES_THAT_PAUSE else None
        return type(self)(failed, until, reason)

    def to_json(self) -> bytes:
        """Return the content of the document."""
        return FORMAT.encode(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; raise FormatError if it is damaged or its version is unknown."""
        return FORMAT.decode(FAILURE_PAUSE, body, cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: Document) -> Self:
        pause = cls(tuple(document.pop("failed")), **known_fields(cls, document))
        if pause.paused_until is not None:
            datetime.fromisoformat(pause.paused_until)
        return pause
