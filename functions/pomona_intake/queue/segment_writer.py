"""Write segments: the only way in which keys enter the queue."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import maintenance_segment_name, new_segments
from pomona_contract.times import now
from pomona_intake.errors import PreconditionFailedError
from pomona_intake.queue.activity import Activity, ActivityListener, listed_segments
from pomona_intake.s3.lake import Lake


class SegmentWriter:
    """Writes segments into the lake. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, report: ActivityListener, clock: Callable[[], datetime] = now) -> None:
        self._lake = lake
        self._report = report
        self._clock = clock

    def write(self, keys: Sequence[DirtyKey], request_id: str) -> list[str]:
        """Write the keys into new segments and return their names. When it returns, the keys cannot be lost.

        Args:
            request_id: an id that no other writer has, of letters, digits and dashes.
        """
        segments = new_segments(keys, request_id, self._clock())
        for name, body in segments.items():
            self._write_once(name, body)
        if segments:
            self._report(Activity("written", details=listed_segments(segments)))
        return list(segments)

    def request_maintenance(self) -> str:
        """Write a segment without keys and return its name; the run that takes it maintains the table."""
        name = maintenance_segment_name(self._clock())
        self._write_once(name, b"")
        return name

    def _write_once(self, name: str, body: bytes) -> None:
        # No other writer chooses this name: if it exists, botocore repeated a write whose answer was lost.
        with suppress(PreconditionFailedError):
            self._lake.create(name, body)
