"""What the alarms need to know about the queue: what waits, what was set aside, and whether launching is paused."""

from datetime import datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from pomona_contract.lake_layout import FAILED_BATCHES, PENDING_SEGMENTS
from pomona_contract.segments import parse_segment_name
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.s3.lake import Lake
from pomona_intake.telemetry import Measure, best_effort


class QueueMetrics:
    """The metrics of one queue. No method raises: what cannot be read is missing from the metrics."""

    def __init__(self, lake: Lake, pauses: FailurePauseStore, measure: Measure, logger: Logger) -> None:
        self._lake = lake
        self._pauses = pauses
        self._measure = measure
        self._logger = logger

    def measure(self, now: datetime) -> None:
        """Measure the queue.

        Failed batches and a pause are measured only if there are any: CloudWatch bills a metric by the hour.
        """
        with best_effort(self._logger, "measuring the oldest pending key"):
            self._measure_pending(now)
        with best_effort(self._logger, "counting the failed batches"):
            self._measure_failed()
        with best_effort(self._logger, "measuring whether launching is paused"):
            self._measure_pause(now)

    def _measure_pending(self, now: datetime) -> None:
        # the names sort by time
        segments = (parse_segment_name(name) for name in self._lake.names(PENDING_SEGMENTS))
        oldest = next((segment.written_at for segment in segments if segment), now)
        self._measure("OldestPendingSeconds", MetricUnit.Seconds, max(0.0, (now - oldest).total_seconds()))

    def _measure_failed(self) -> None:
        if failed := sum(1 for _ in self._lake.children(FAILED_BATCHES)):
            self._measure("FailedBatches", MetricUnit.Count, failed)

    def _measure_pause(self, now: datetime) -> None:
        if self._pauses.read().is_paused(now):
            self._measure("QueuePaused", MetricUnit.Count, 1)
