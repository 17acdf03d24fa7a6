"""One featurize run, from the batch in flight to the published snapshot and the record of what it did."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from pomona.errors import UnreadError, first_line
from pomona.featurize.backbone import Backbone, load_backbone
from pomona.featurize.batch import Batch, read_batch, require_in_flight, set_aside
from pomona.featurize.counters import TalliesParam, Tally, total
from pomona.featurize.partitioning import partitions, plan
from pomona.featurize.task import Featurizer, Work
from pomona.imaging.careful.process_limits import DECODE_MEGABYTES, DECODE_SECONDS
from pomona.imaging.limits import Limits
from pomona.s3.image_fetcher import KeyToFetch
from pomona.s3.objects import require_bucket, write_json
from pomona.spark_session import task_slots, warm_up
from pomona.stopwatch import Stopwatch
from pomona.table.deadline import Deadline
from pomona.table.erasures import settle_erasures
from pomona.table.feature_table import FeatureTable, branch_name
from pomona.table.maintenance import Maintenance
from pomona.table.row_writer import files_for, write_rows
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord, SetAsideSegment
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.outcomes import Outcome
from pomona_contract.run_names import RunName

if TYPE_CHECKING:
    from pyspark import RDD

CUT_OFF = MaintenanceReport(done=(), error="the run ended before its maintenance did")
log = logging.getLogger("pomona.featurize")


@dataclass(frozen=True)
class FeaturizeRun:
    """The settings of a run, as StartJobRun passes them; `start` carries it out."""

    lake_bucket: str
    images_bucket: str
    database: str
    table: str
    backbone: str
    batch_id: str
    attempt: int
    max_image_bytes: int
    max_image_pixels: int
    max_decoded_bytes: int
    max_jpeg_scans: int
    timeout_minutes: int
    """Of the run: EMR Serverless ends it then."""
    snapshot_days: int = 7
    ignored_names: tuple[str, ...] = ()
    """Shell patterns of names that are no images: keys of such names have no rows."""
    decode_seconds: float = DECODE_SECONDS
    decode_megabytes: int = DECODE_MEGABYTES
    backbones: Path | None = None
    """The folder of the backbones; None is the one beside this package."""
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)

    def start(self, session: Callable[[], SparkSession]) -> dict[str, Any]:
        """Carry the run out and give its record. UnreadError comes after everything else was published and recorded."""
        backbone = load_backbone(self.backbone, self.backbones)
        with self.stopwatch.timing("session"):
            spark = session()
        warm_up(spark)
        with self.stopwatch.timing("plan"):
            batch = self._read()
            for segment in batch.unusable:
                set_aside(self.lake_bucket, segment, self.attempt)
            table = FeatureTable(spark, self.database, self.table)
            table.create_if_missing()
        tally, snapshot_id = self._publish(table, backbone, batch)
        # before the maintenance too: if the run is ended meanwhile, its record is there
        self._write_record(self._record(backbone, batch, tally, snapshot_id, CUT_OFF))
        maintained = self._maintain(table, batch)
        record = self._record(backbone, batch, tally, snapshot_id, maintained)
        self._write_record(record)
        log.info(json.dumps({"event": "featurized", **record}))
        if unread := tally.counts[Outcome.UNREAD]:
            raise UnreadError(f"{unread} of {record['keys']} keys could not be read: {tally.reason}")
        return record

    @property
    def _branch(self) -> str:
        return branch_name(self.batch_id, self.attempt)

    def _read(self) -> Batch:
        require_bucket(self.images_bucket)
        active = require_in_flight(self.lake_bucket, self.batch_id, self.attempt)
        return read_batch(self.lake_bucket, self.images_bucket, active)

    def _publish(self, table: FeatureTable, backbone: Backbone, batch: Batch) -> tuple[Tally, int]:
        tallies = table.spark.sparkContext.accumulator({}, TalliesParam())
        with table.branch(self._branch) as branch:
            with self.stopwatch.timing("plan"):
                known = branch.known(self.images_bucket, batch.keys)
                dirty = plan(batch.keys, known, backbone.label, IgnoredNames(self.ignored_names))
                writer = branch.writer()
            with self.stopwatch.timing("write"):
                changes = self._tasks(table.spark, dirty).mapPartitionsWithIndex(Featurizer(self._work(), tallies))
                written = write_rows(changes, writer, files_for(_likely_changed(dirty), backbone.output_width))
            with self.stopwatch.timing("commit"):
                properties = {"pomona.batch-id": self.batch_id, "pomona.attempt": str(self.attempt)}
                branch.commit(written, known, properties)
                require_in_flight(self.lake_bucket, self.batch_id, self.attempt)
                snapshot_id = branch.publish()
        return total(tallies.value), snapshot_id

    def _maintain(self, table: FeatureTable, batch: Batch) -> MaintenanceReport:
        """Return what was done, and why not all: the rows are published, and the next run tries the maintenance again.

        Whatever goes wrong is told, not raised: a run whose rows are published has not failed.
        """
        done: list[str] = []
        deadline = Deadline.of_run(self.timeout_minutes, self.stopwatch.elapsed())
        with self.stopwatch.timing("maintenance"), deadline.cancelling(table.spark.sparkContext.cancelAllJobs):
            try:
                for step in self._maintenance(table, batch, deadline):
                    done.append(step)
            except Exception as error:
                log.exception("the maintenance of the table failed; the next run tries it again")
                return MaintenanceReport(done, self._why_unfinished(error, deadline))
        return MaintenanceReport(done, "")

    def _maintenance(self, table: FeatureTable, batch: Batch, deadline: Deadline) -> Iterator[str]:
        maintenance = Maintenance(table, timedelta(days=self.snapshot_days), deadline)
        has_settled = False
        for step in settle_erasures(self.lake_bucket, table, maintenance, self._branch):
            has_settled = True
            yield step
        if not has_settled:  # an erasure does all that there is to do
            yield from maintenance.thorough() if batch.maintenance else maintenance.after_run()

    def _why_unfinished(self, error: Exception, deadline: Deadline) -> str:
        """Return the reason for people: of a job that the deadline has cancelled, Spark says only that it failed."""
        reason = first_line(error, 300)
        if not deadline.has_passed:
            return reason
        return f"stopped before RunTimeoutMinutes ({self.timeout_minutes}) was over, the next one goes on: {reason}"

    def _tasks(self, spark: SparkSession, dirty: list[KeyToFetch]) -> "RDD[KeyToFetch]":
        tasks = partitions(len(dirty), task_slots(spark))
        log.info(json.dumps({"event": "planned", "batch_id": self.batch_id, "keys": len(dirty), "tasks": tasks}))
        return spark.sparkContext.parallelize(dirty, tasks)

    def _work(self) -> Work:
        return Work(
            bucket=self.images_bucket,
            backbone=self.backbone,
            backbones=self.backbones,
            max_image_bytes=self.max_image_bytes,
            limits=Limits(self.max_image_pixels, self.max_decoded_bytes, self.max_jpeg_scans),
            batch_id=self.batch_id,
            decode_bytes=self.decode_megabytes * 2**20,
            decode_seconds=self.decode_seconds,
            careful=self.attempt > 1,
        )

    def _write_record(self, record: dict[str, Any]) -> None:
        write_json(self.lake_bucket, RunName(self.batch_id, self.attempt).record_key, record)

    def _record(
        self, backbone: Backbone, batch: Batch, tally: Tally, snapshot_id: int, maintained: MaintenanceReport
    ) -> dict[str, Any]:
        seconds = self.stopwatch.readings()
        total = {"total": seconds.pop("total")}
        return RunRecord(
            batch_id=self.batch_id,
            attempt=self.attempt,
            backbone=backbone.label,
            started_at=self.stopwatch.started_at.isoformat(),
            finished_at=datetime.now(UTC).isoformat(),
            snapshot_id=snapshot_id,
            keys=len(batch.keys),
            images=tally.images(),
            segments_missing=batch.segments_missing,
            set_aside=[SetAsideSegment(segment.batch_id, segment.reason) for segment in batch.unusable],
            bytes=tally.counts["bytes"],
            retries=tally.counts["retries"],
            fallbacks=tally.fallbacks(),
            careful=tally.counts["careful"],
            maintenance=maintained,
            seconds=seconds | {part: round(value, 3) for part, value in tally.seconds.items()} | total,
        ).document()


def _likely_changed(dirty: list[KeyToFetch]) -> int:
    """How many keys will have rows to write: a row of this backbone seldom changes, be it features or an error."""
    return sum(key.etag is None and key.row_error is None for key in dirty)
