"""The line: whether batches fail in a row, and until when nothing is launched then.

One batch that fails is that batch's matter. Two different batches that fail, with no success between them, are an
outage or a wrong setting: launching more would only cost runs and move the whole queue to `queue/failed/`.

The document is a hint beside the queue's protocol: a lost or late write of it pauses the line a little earlier or
later, and loses no key.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from pomona_intake.errors import FormatError
from pomona_intake.queue.documents import read_document, to_json
from pomona_intake.s3.lake import Lake
from pomona_intake.times import iso

LINE = "queue/line.json"
FORMAT = 1
_BATCHES_THAT_PAUSE = 2


@dataclass(frozen=True)
class Line:
    """What the line remembers since the last run that succeeded."""

    failed: tuple[str, ...] = ()  # ids of the batches whose runs failed, each once
    paused_until: str | None = None  # ISO 8601, UTC
    reason: str = ""  # of the last failure

    def is_paused(self, moment: datetime) -> bool:
        """Return whether nothing may be launched at this moment."""
        return self.paused_until is not None and moment < datetime.fromisoformat(self.paused_until)

    def after_failure(self, batch_id: str, reason: str, moment: datetime, pause: timedelta) -> Self:
        """Return the line after a run of this batch failed: paused if it is the second batch in a row."""
        failed = tuple(dict.fromkeys((*self.failed, batch_id)))
        until = iso(moment + pause) if len(failed) >= _BATCHES_THAT_PAUSE else None
        return type(self)(failed, until, reason)

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the document; FormatError if it is none of a known format."""
        return read_document(LINE, body, (FORMAT,), cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: dict[str, Any]) -> Self:
        line = cls(tuple(document.pop("failed")), **document)
        if line.paused_until is not None:
            datetime.fromisoformat(line.paused_until)
        return line


class LineState:
    """The line of one lake. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, pause: timedelta, warn: Callable[[str], None]) -> None:
        """`pause` is how long the line rests; `warn` hears of a document that cannot be read."""
        self._lake = lake
        self._pause = pause
        self._warn = warn

    def read(self) -> Line:
        """Return the line; a document that cannot be read is no reason to stop, and is written over."""
        stored = self._lake.read(LINE)
        try:
            return Line.from_json(stored.body) if stored else Line()
        except FormatError as error:
            self._warn(str(error))
            return Line()

    def note_failure(self, batch_id: str, reason: str, moment: datetime) -> Line:
        """Remember that a run of this batch failed, and return the line."""
        line = self.read().after_failure(batch_id, reason, moment, self._pause)
        self._lake.write(LINE, to_json(FORMAT, asdict(line)))
        return line

    def clear(self) -> None:
        """Forget every failure: a run has succeeded, or an operator has mended what failed."""
        self._lake.delete_all([LINE])
