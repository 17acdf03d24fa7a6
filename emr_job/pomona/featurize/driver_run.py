"""One featurize run on the driver's own cores: for a batch that is done before an executor would have started.

Spark is started only if something needs it: a lookup in very many files, or the maintenance of the table.
"""

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pomona.backbone import load_backbone
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch, claimed_batch, require_in_flight
from pomona.featurize.conclusion import conclude
from pomona.featurize.counters import CountersByTask, TaskCounters, sum_counters
from pomona.featurize.key_featurizer import KeyFeaturizer
from pomona.featurize.partitioning import falling_sizes, plan
from pomona.featurize.progress import ProgressReport, written_regularly
from pomona.featurize.run_report import NO_MAINTENANCE, RunReport
from pomona.processes import Processes, WorkFailedError
from pomona.pyiceberg_table.table import PyIcebergTable, TooManyFilesError
from pomona.s3.image_fetcher import KeyToFetch
from pomona.s3.objects import list_objects
from pomona.stopwatch import Stopwatch
from pomona.table.branch_names import BRANCH_PREFIX
from pomona.table.row_lookup import with_keys
from pomona.table.schema import rows_to_write
from pomona.table.small_files import MANY_FILES, count_small_files
from pomona_contract.documents.run_record import MaintenanceReport
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.lake_layout import OPEN_ERASURES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("pomona.featurize")


@dataclass(frozen=True)
class _TaskResult:
    """What one task made of its keys."""

    changes: list[pa.RecordBatch]
    """As schema.CHANGES."""
    counters: TaskCounters


def featurize_on_driver(
    arguments: FeaturizeArguments,
    start_session: Callable[[], "SparkSession"],
    stopwatch: Stopwatch,
    start_processes: Callable[[int], Processes] = Processes.forked,
) -> dict[str, Any]:
    """Carry out one attempt at a batch and return its record, as `run.featurize` does, whose errors it raises.

    Args:
        arguments: of the run; `processes` says how many processes featurize.
        start_session: starts Spark, if something needs it.
        stopwatch: of the run.
        start_processes: at the beginning, before this process opens connections, which a copy of it would share.
    """
    gc.freeze()  # no collection touches the imported modules, whose pages the processes share
    with start_processes(arguments.processes) as processes:
        published = _publish_rows(arguments, processes, stopwatch)
    if published is None:
        from pomona.featurize.run import featurize

        return featurize(arguments, start_session(), stopwatch)
    table, report = published
    return conclude(report, lambda: _maintain(report, table, start_session, stopwatch), stopwatch)


def _publish_rows(
    arguments: FeaturizeArguments, processes: Processes, stopwatch: Stopwatch
) -> tuple[PyIcebergTable, RunReport] | None:
    """Featurize the batch and commit; return the table and what was done. None if the lookup needs executors."""
    backbone = load_backbone(arguments.backbone, arguments.backbones)
    with stopwatch.timing("plan"):
        batch = claimed_batch(arguments)
        table = PyIcebergTable.open(arguments.lake_bucket, arguments.database, arguments.table)
        known = _known_rows(arguments, table, batch)
    if known is None:
        return None
    dirty = plan(batch.keys, known, backbone.label, IgnoredNames(arguments.ignored_names))
    with stopwatch.timing("write"):
        counters, changes = _featurize(arguments, dirty, processes)
        replaced = with_keys(known, (batch["key"] for batch in changes))
        new = (rows for rows in map(rows_to_write, changes) if rows.num_rows)
        files = [table.write(arguments.run_name, new), table.write_deletes(arguments.run_name, replaced)]
    with stopwatch.timing("commit"):
        require_in_flight(arguments.lake_bucket, arguments.batch_id, arguments.attempt)
        snapshot_id = table.commit(files, arguments.snapshot_properties)
    return table, RunReport(arguments, backbone.label, batch, counters, snapshot_id)


def _maintain(
    report: RunReport, table: PyIcebergTable, start_session: Callable[[], "SparkSession"], stopwatch: Stopwatch
) -> MaintenanceReport:
    arguments = report.arguments
    if not _is_maintenance_due(arguments.lake_bucket, table, report.batch):
        return NO_MAINTENANCE
    from pomona.featurize import maintenance_step
    from pomona.table.feature_table import FeatureTable

    present = FeatureTable(start_session(), arguments.database, arguments.table)
    return maintenance_step.maintain(arguments, present, report.batch, stopwatch)


def _known_rows(arguments: FeaturizeArguments, table: PyIcebergTable, batch: Batch) -> pa.Table | None:
    """Return the rows of the batch's keys, as row_lookup.KNOWN_ROWS; None if too many files may have them."""
    try:
        return table.find_rows(arguments.images_bucket, batch.keys)
    except TooManyFilesError as error:
        log.info("the batch is left to executors: %s", error)
        return None


def _featurize(
    arguments: FeaturizeArguments, dirty: list[KeyToFetch], processes: Processes
) -> tuple[TaskCounters, list[pa.RecordBatch]]:
    """Return the counters of all tasks, and the changes as schema.CHANGES."""
    following = iter(dirty)
    work = [list(islice(following, size)) for size in falling_sizes(len(dirty), processes.count)]
    log.info(json.dumps({"event": "planned", "batch_id": arguments.batch_id, "keys": len(dirty), "tasks": len(work)}))
    counters: CountersByTask = {}
    changes: list[pa.RecordBatch] = []
    with written_regularly(ProgressReport(arguments, len(dirty), lambda: counters, lambda: 1)):
        for result in _results(arguments, work, processes):
            counters[len(counters)] = result.counters
            changes += result.changes
    return sum_counters(counters), changes


def _results(
    arguments: FeaturizeArguments, work: list[list[KeyToFetch]], processes: Processes
) -> Iterator[_TaskResult]:
    """Yield each task's result. A task whose process died is repeated: then each image is decoded in a child process.

    Raises:
        WorkFailedError: the repetition failed too.
    """
    try:
        for _, result in processes.results(work, partial(_run_task, arguments, arguments.careful)):
            yield result
    except WorkFailedError as error:
        log.warning("%s; they are repeated, and each image is decoded in a child process", error)
        for _, result in processes.results(error.unfinished, partial(_run_task, arguments, True)):
            yield result


def _run_task(arguments: FeaturizeArguments, is_careful: bool, dirty: list[KeyToFetch]) -> _TaskResult:
    with closing(KeyFeaturizer(arguments, is_careful=is_careful)) as featurizer:
        changes = list(featurizer.changes(iter(dirty)))
    return _TaskResult(changes, featurizer.counters)


def _is_maintenance_due(lake_bucket: str, table: PyIcebergTable, batch: Batch) -> bool:
    """Return True if there is something to do after this run (TableMaintenance.after_run, and erasures)."""
    return (
        batch.asks_for_maintenance
        or any(name.startswith(BRANCH_PREFIX) for name in table.branches())
        or count_small_files(table.committed_files()) >= MANY_FILES
        or table.delete_files() >= MANY_FILES
        or any(True for _ in list_objects(lake_bucket, OPEN_ERASURES))
    )
