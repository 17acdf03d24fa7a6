"""Request the maintenance of the feature table: a run without keys does it, in its turn among the other runs."""

from datetime import datetime, timedelta

from pomona_contract.documents.erasure import Erasure
from pomona_contract.lake_layout import OPEN_ERASURES, PENDING_SEGMENTS
from pomona_contract.segments import requests_maintenance
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.table_history import needs_maintenance
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import Settings


class MaintenanceRequests:
    """Requests for the maintenance of one table. Every method raises TransientError when AWS could not answer."""

    def __init__(self, table: TableMetadata, lake: Lake, writer: SegmentWriter, settings: Settings) -> None:
        self._table = table
        self._lake = lake
        self._writer = writer
        self._settings = settings

    def request_if_due(self, moment: datetime) -> str | None:
        """Write the segment that requests maintenance and return its name.

        Return None if nothing is due, or if a request is pending already.
        """
        expiry = moment - timedelta(days=self._settings.snapshot_days)
        reasons = (needs_maintenance(self._table.read(), expiry), self._has_open_erasure())
        if not any(reasons):
            return None
        return None if self._is_requested() else self._writer.request_maintenance()

    def _is_requested(self) -> bool:
        return any(requests_maintenance(name) for name in self._lake.names(PENDING_SEGMENTS))

    def _has_open_erasure(self) -> bool:
        return any(self._is_open(name) for name in self._lake.names(OPEN_ERASURES))

    def _is_open(self, name: str) -> bool:
        stored = self._lake.read(name)
        return stored is not None and Erasure.from_json(name, stored.body).is_open
