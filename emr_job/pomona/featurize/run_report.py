"""The record of a featurize run: `runs/<batch id>-<attempt>.json` in the lake."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch
from pomona.featurize.counters import TaskCounters
from pomona.s3.objects import write_json
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord, SetAsideSegment
from pomona_contract.lanes import Lane

MEGABYTES_PER_GB = 1024
NO_MAINTENANCE = MaintenanceReport(done=(), error="")
"""Of a run that had none to do."""


def gb_seconds(megabytes: int, stopwatch: Stopwatch) -> float:
    """Return what Lambda bills for a function of so much memory: its size in GB times its time so far."""
    return round(megabytes / MEGABYTES_PER_GB * stopwatch.elapsed(), 3)


@dataclass(frozen=True)
class RunReport:
    """What a run has done when its rows are published."""

    arguments: FeaturizeArguments
    backbone_label: str
    batch: Batch
    counters: TaskCounters
    """The sum over all tasks."""
    snapshot_id: int
    lane: Lane = Lane.CLUSTER
    deferred: int = 0
    """Keys that the express lane has left to the cluster."""

    def write(
        self, maintenance: MaintenanceReport, stopwatch: Stopwatch, function_megabytes: int = 0
    ) -> dict[str, Any]:
        """Write the record with what the maintenance did and the times so far; return the document.

        Args:
            maintenance: what was done.
            stopwatch: of the run.
            function_megabytes: memory of the function, if one carries the run out: Lambda bills it by time.
        """
        record = self._record(maintenance, stopwatch)
        record = replace(record, function_gb_seconds=gb_seconds(function_megabytes, stopwatch))
        document = record.document()
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
            lane=self.lane,
            keys=len(self.batch.keys),
            images=self.counters.outcomes(),
            deferred=self.deferred,
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
