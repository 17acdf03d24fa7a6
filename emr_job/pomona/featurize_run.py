"""One featurize run, from the batch in flight to the published snapshot and the record of what it did."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from pomona.backbone import Backbone, load_backbone
from pomona.batch import Batch, read_batch, require_in_flight
from pomona.errors import UnreadError
from pomona.featurizing import Featurizer, Work
from pomona.objects import require_bucket, write_json
from pomona.plan import partitions, plan
from pomona.rows import CHANGES_SCHEMA
from pomona.session import task_slots
from pomona.table import FeatureTable, branch_name
from pomona.tally import Tally, TallyParam

FORMAT = 1
log = logging.getLogger("pomona.featurize")


@dataclass
class Clock:
    """Seconds that each part of the driver's work took, and when the run began."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=perf_counter)
    _lap: float = field(default_factory=perf_counter)

    def lap(self, part: str) -> None:
        """What was done since the last lap was `part`."""
        now = perf_counter()
        self.seconds[part] = now - self._lap
        self._lap = now

    def total(self) -> float:
        """Seconds since the run began."""
        return perf_counter() - self._began


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
    backbones: Path | None = None
    """The folder of the backbones; None is the one beside this package."""

    def start(self, session: Callable[[], SparkSession]) -> dict[str, Any]:
        """Carry the run out and give its record. UnreadError comes after everything else was published and recorded."""
        clock = Clock()
        backbone = load_backbone(self.backbone, self.backbones)
        with ThreadPoolExecutor(1) as pool:  # the batch is read while the session starts
            reading = pool.submit(self._read)
            spark = session()
            clock.lap("session")
            batch = reading.result()
        tally, snapshot_id = self._publish(spark, backbone, batch, clock)
        record = self._record(backbone, batch, tally, snapshot_id, clock)
        write_json(self.lake_bucket, f"runs/{self.batch_id}-{self.attempt}.json", record)
        log.info(json.dumps({"event": "featurized", **record}))
        if unread := tally.counts["unread"]:
            raise UnreadError(f"{unread} of {record['keys']} keys could not be read: {tally.reason}")
        return record

    def _read(self) -> Batch:
        require_bucket(self.images_bucket)
        active = require_in_flight(self.lake_bucket, self.batch_id, self.attempt)
        return read_batch(self.lake_bucket, self.images_bucket, active)

    def _publish(self, spark: SparkSession, backbone: Backbone, batch: Batch, clock: Clock) -> tuple[Tally, int]:
        table = FeatureTable(spark, self.database, self.table)
        table.create_if_missing()
        tallies = spark.sparkContext.accumulator(Tally(), TallyParam())
        with table.branch(branch_name(self.batch_id, self.attempt)) as branch:
            known = table.known(branch, self.images_bucket, batch.keys)
            dirty = self._cut(spark, plan(batch.keys, known, backbone.label))
            clock.lap("plan")
            changes = dirty.mapInArrow(Featurizer(self._work(), tallies), CHANGES_SCHEMA)
            write = table.merge if known.num_rows else table.append
            write(branch, changes, {"pomona.batch-id": self.batch_id, "pomona.attempt": str(self.attempt)})
            clock.lap("merge")
            require_in_flight(self.lake_bucket, self.batch_id, self.attempt)
            snapshot_id = table.publish(branch)
        clock.lap("publish")
        return self._with_foreign(tallies.value, batch), snapshot_id

    def _cut(self, spark: SparkSession, dirty: pa.Table) -> DataFrame:
        tasks = partitions(dirty.num_rows, task_slots(spark))
        log.info(json.dumps({"event": "planned", "batch_id": self.batch_id, "keys": dirty.num_rows, "tasks": tasks}))
        spark.conf.set("spark.sql.leafNodeDefaultParallelism", tasks)
        return spark.createDataFrame(dirty)

    def _work(self) -> Work:
        return Work(
            bucket=self.images_bucket,
            backbone=self.backbone,
            backbones=self.backbones,
            max_image_bytes=self.max_image_bytes,
            max_image_pixels=self.max_image_pixels,
            batch_id=self.batch_id,
        )

    def _with_foreign(self, tally: Tally, batch: Batch) -> Tally:
        if not batch.foreign:
            return tally
        foreign = Tally(reason=f"not in the bucket {self.images_bucket}")
        foreign.counts["unread"] = batch.foreign
        return tally.add(foreign)

    def _record(self, backbone: Backbone, batch: Batch, tally: Tally, snapshot_id: int, clock: Clock) -> dict[str, Any]:
        seconds = clock.seconds | tally.seconds | {"total": clock.total()}
        return {
            "format": FORMAT,
            "batch_id": self.batch_id,
            "attempt": self.attempt,
            "backbone": backbone.label,
            "started_at": clock.started_at.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
            "snapshot_id": snapshot_id,
            "keys": len(batch.keys) + batch.foreign,
            "images": tally.images(),
            "segments_missing": batch.segments_missing,
            "bytes": tally.counts["bytes"],
            "retries": tally.counts["retries"],
            "seconds": {part: round(value, 3) for part, value in seconds.items()},
        }
