"""One featurize run on Spark, from the claimed batch to the published snapshot and the record of what the run did."""

import json
import logging
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch, claimed_batch, require_in_flight
from pomona.featurize.conclusion import conclude
from pomona.featurize.counters import TaskCounters, sum_counters
from pomona.featurize.maintenance_step import maintain
from pomona.featurize.partitioning import partitions, plan
from pomona.featurize.progress import ProgressReport, workers_of, written_regularly
from pomona.featurize.run_report import RunReport
from pomona.featurize.task import FeaturizeTask
from pomona.featurize.task_counters import CountersParam
from pomona.s3.image_fetcher import KeyToFetch
from pomona.spark_session import task_slots, warm_up
from pomona.stopwatch import Stopwatch
from pomona.table.branch import open_branch
from pomona.table.branch_names import branch_name
from pomona.table.feature_table import FeatureTable
from pomona.table.row_writer import files_for, write_rows
from pomona_contract.image_keys import IgnoredNames

if TYPE_CHECKING:
    from pyspark import RDD

log = logging.getLogger("pomona.featurize")


def featurize(arguments: FeaturizeArguments, spark: SparkSession, stopwatch: Stopwatch | None = None) -> dict[str, Any]:
    """Carry out one attempt at a batch and return its record, `runs/<batch id>-<attempt>.json` in the lake.

    Raises:
        JobError: nothing was published; the text is one sentence for the operator.
        UnreadError: some objects could not be read. Everything else is published and recorded.
    """
    stopwatch = stopwatch or Stopwatch()
    backbone = load_backbone(arguments.backbone, arguments.backbones)
    warm_up(spark)
    with stopwatch.timing("plan"):
        batch = claimed_batch(arguments)
        table = FeatureTable(spark, arguments.database, arguments.table)
        table.create_if_missing()
    counters, snapshot_id = _publish_rows(arguments, table, backbone, batch, stopwatch)
    report = RunReport(arguments, backbone.label, batch, counters, snapshot_id)
    return conclude(report, lambda: maintain(arguments, table, batch, stopwatch), stopwatch)


def _publish_rows(
    arguments: FeaturizeArguments,
    table: FeatureTable,
    backbone: ExportedBackbone,
    batch: Batch,
    stopwatch: Stopwatch,
) -> tuple[TaskCounters, int]:
    """Featurize the batch into a branch, publish the branch, and return the counters and the snapshot's id."""
    context = table.spark.sparkContext
    counters = context.accumulator({}, CountersParam())
    with open_branch(table, branch_name(arguments.batch_id, arguments.attempt)) as branch:
        with stopwatch.timing("plan"):
            known = branch.find_rows(arguments.images_bucket, batch.keys)
            dirty = plan(batch.keys, known, backbone.label, IgnoredNames(arguments.ignored_names))
            writer = branch.writer()
        progress = ProgressReport(arguments, len(dirty), lambda: counters.value, workers_of(context))
        with stopwatch.timing("write"), written_regularly(progress):
            tasks = _distribute(table.spark, dirty, arguments.batch_id)
            changes = tasks.mapPartitionsWithIndex(FeaturizeTask(arguments, counters))
            written = write_rows(changes, writer, files_for(_likely_changed(dirty), backbone.output_width))
        with stopwatch.timing("commit"):
            branch.commit(written, known, arguments.snapshot_properties)
            require_in_flight(arguments.lake_bucket, arguments.batch_id, arguments.attempt)
            snapshot_id = branch.publish()
    return sum_counters(counters.value), snapshot_id


def _distribute(spark: SparkSession, dirty: list[KeyToFetch], batch_id: str) -> "RDD[KeyToFetch]":
    tasks = partitions(len(dirty), task_slots(spark))
    log.info(json.dumps({"event": "planned", "batch_id": batch_id, "keys": len(dirty), "tasks": tasks}))
    return spark.sparkContext.parallelize(dirty, tasks)


def _likely_changed(dirty: list[KeyToFetch]) -> int:
    """Return about how many keys will have rows to write: a row of this backbone seldom changes."""
    return sum(key.etag is None and key.row_error is None for key in dirty)
