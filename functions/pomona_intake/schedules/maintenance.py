"""Asking for the maintenance of the feature table: a run of no keys does it, in its turn among the other runs."""

from datetime import datetime, timedelta

from pomona_intake.queue.documents import read_document
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.queue.segments import MAINTENANCE, PENDING
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.table_history import needs_maintenance
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import Settings

ERASURES = "erasures/open/"
_FORMAT = 1


class Maintenance:
    """The maintenance of one table. Every method raises TransientError when AWS could not answer."""

    def __init__(self, table: TableMetadata, lake: Lake, writer: SegmentWriter, settings: Settings) -> None:
        self._table = table
        self._lake = lake
        self._writer = writer
        self._settings = settings

    def request_if_due(self, moment: datetime) -> str | None:
        """The name of the empty segment that asks for it; None if nothing is due, or it has been asked for already."""
        before = moment - timedelta(days=self._settings.snapshot_days)
        reasons = (needs_maintenance(self._table.read(), before), self._has_open_erasure())
        if not any(reasons):
            return None
        return None if self._is_requested() else self._writer.request_maintenance()

    def _is_requested(self) -> bool:
        return any(f"-{MAINTENANCE}-" in name for name in self._lake.names(PENDING))

    def _has_open_erasure(self) -> bool:
        return any(self._is_open(name) for name in self._lake.names(ERASURES))

    def _is_open(self, name: str) -> bool:
        stored = self._lake.read(name)
        if stored is None:
            return False
        return read_document(name, stored.body, (_FORMAT,), lambda _, document: bool(document["state"] == "open"))
