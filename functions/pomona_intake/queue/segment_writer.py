"""Writing segments: the only way in which keys enter the queue."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from pomona_intake.errors import PreconditionFailedError
from pomona_intake.queue.segments import DirtyKey, empty, parts
from pomona_intake.queue.steps import Report, Step, named
from pomona_intake.s3.lake import Lake
from pomona_intake.times import now


class SegmentWriter:
    """Writes segments into the lake. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, report: Report, clock: Callable[[], datetime] = now) -> None:
        self._lake = lake
        self._report = report
        self._clock = clock

    def write(self, keys: Sequence[DirtyKey], request_id: str) -> list[str]:
        """Write the keys into new segments and return their names; once it returns they cannot be lost.

        Args:
            request_id: what no other writer has, of letters, digits and dashes.
        """
        segments = parts(keys, request_id, self._clock())
        for name, body in segments.items():
            self._write_once(name, body)
        if segments:
            self._report(Step("written", details=named(segments)))
        return list(segments)

    def request_maintenance(self) -> str:
        """Write a segment without keys and return its name: the run that takes it maintains the table."""
        name = empty(self._clock())
        self._write_once(name, b"")
        return name

    def _write_once(self, name: str, body: bytes) -> None:
        # Nobody else chooses this name: if it exists, the client repeated a write whose answer was lost.
        with suppress(PreconditionFailedError):
            self._lake.create(name, body)
