"""The record of a featurize run: `runs/<batch id>-<attempt>.json` in the lake."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch
from pomona.featurize.counters import TaskCounters
from pomona.s3.objects import write_json
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord, SetAsideSegment


@dataclass(frozen=True)
class RunReport:
    """What a run has done when its rows are published."""

    arguments: FeaturizeArguments
    backbone_label: str
    batch: Batch
    counters: TaskCounters
    """The sum over all tasks."""
    snapshot_id: int

    def write(self, maintenance: MaintenanceReport, stopwatch: Stopwatch) -> dict[str, Any]:
        """Write the record with what the maintenance did and the times so far; return the document."""
        document = self._record(maintenance, stopwatch).document()
        write_json(self.arguments.lake_bucket, self.arguments.run_name.record_key, document)
        return document

    def _record(self, maintenance: MaintenanceReport, stopwatch: Stopwatch) -> RunRecord:
        return RunRecord(
            batch_id=self.arguments.batch_id,
            attempt=self.arguments.attempt,
            backbone=self.backbone_label,
            started_at=stopwatch.started_at.isoformat(),
            finished_at=datetime.now(UTC).isoformat(),
            snapshot_id=self.snapshot_id,
            keys=len(self.batch.keys),
            images=self.counters.outcomes(),
            segments_missing=self.batch.segments_missing,
            set_aside=[SetAsideSegment(segment.batch_id, segment.reason) for segment in self.batch.unusable],
            bytes=self.counters.counts["bytes"],
            retries=self.counters.counts["retries"],
            fallbacks=self.counters.fallbacks(),
            careful=self.counters.counts["careful"],
            maintenance=maintenance,
            seconds=self._seconds(stopwatch),
        )

    def _seconds(self, stopwatch: Stopwatch) -> dict[str, float]:
        """Return the driver's wall-clock times, the times of all tasks together, and the total so far."""
        driver = stopwatch.readings()
        total = {"total": driver.pop("total")}
        return driver | {step: round(seconds, 3) for step, seconds in self.counters.seconds.items()} | total
