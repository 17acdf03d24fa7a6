"""One featurize run on the driver's own cores: for a batch that is done before an executor would have started.

Spark is started only if something needs it: a lookup in very many files, or the maintenance of the table.
"""

import gc
import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pomona.backbone import load_backbone
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch, claimed_batch, require_in_flight
from pomona.featurize.conclusion import conclude
from pomona.featurize.counters import CountersByTask, TaskCounters, sum_counters
from pomona.featurize.key_featurizer import KeyFeaturizer
from pomona.featurize.partitioning import plan
from pomona.featurize.progress import ProgressReport, written_regularly
from pomona.featurize.run_report import RunReport
from pomona.processes import Processes, WorkFailedError
from pomona.pyiceberg_table.table import PyIcebergTable, TooManyFilesError
from pomona.s3.image_fetcher import KeyToFetch
from pomona.s3.objects import list_objects
from pomona.stopwatch import Stopwatch
from pomona.table.branch_names import BRANCH_PREFIX
from pomona.table.small_files import MANY_FILES, count_small_files
from pomona_contract.documents.run_record import MaintenanceReport
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.lake_layout import OPEN_ERASURES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEYS_A_TASK = 64
"""Few, so that no process has nothing to do while another one is at its last task."""
NOTHING_DUE = MaintenanceReport(done=(), error="")
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
        backbone = load_backbone(arguments.backbone, arguments.backbones)
        with stopwatch.timing("plan"):
            batch = claimed_batch(arguments)
            table = PyIcebergTable.open(arguments.lake_bucket, arguments.database, arguments.table)
            known = _known_rows(arguments, table, batch)
        if known is None:
            return _featurize_on_spark(arguments, start_session, stopwatch)
        dirty = plan(batch.keys, known, backbone.label, IgnoredNames(arguments.ignored_names))
        with stopwatch.timing("write"):
            counters, changes = _featurize(arguments, dirty, processes)
            files = [
                table.write(arguments.run_name, _rows(changes)),
                table.write_deletes(arguments.run_name, _replaced(known, changes)),
            ]
    with stopwatch.timing("commit"):
        require_in_flight(arguments.lake_bucket, arguments.batch_id, arguments.attempt)
        properties = {"pomona.batch-id": arguments.batch_id, "pomona.attempt": str(arguments.attempt)}
        snapshot_id = table.commit(files, properties)
    report = RunReport(arguments, backbone.label, batch, counters, snapshot_id)

    def maintain() -> MaintenanceReport:
        if not _is_maintenance_due(arguments.lake_bucket, table, batch):
            return NOTHING_DUE
        from pomona.featurize import maintenance_step
        from pomona.table.feature_table import FeatureTable

        present = FeatureTable(start_session(), arguments.database, arguments.table)
        return maintenance_step.maintain(arguments, present, batch, stopwatch)

    return conclude(report, maintain, stopwatch)


def _known_rows(arguments: FeaturizeArguments, table: PyIcebergTable, batch: Batch) -> pa.Table | None:
    """Return the rows of the batch's keys, as row_lookup.KNOWN_ROWS; None if too many files may have them."""
    try:
        return table.find_rows(arguments.images_bucket, batch.keys)
    except TooManyFilesError as error:
        log.info("the batch is left to executors: %s", error)
        return None


def _featurize_on_spark(
    arguments: FeaturizeArguments, start_session: Callable[[], "SparkSession"], stopwatch: Stopwatch
) -> dict[str, Any]:
    from pomona.featurize.run import featurize

    return featurize(arguments, start_session(), stopwatch)


def _featurize(
    arguments: FeaturizeArguments, dirty: list[KeyToFetch], processes: Processes
) -> tuple[TaskCounters, list[pa.RecordBatch]]:
    """Return the counters of all tasks, and the changes as schema.CHANGES."""
    tasks = max(math.ceil(len(dirty) / KEYS_A_TASK), 1)
    work = [dirty[first::tasks] for first in range(tasks)]
    log.info(
        json.dumps(
            {"event": "planned", "batch_id": arguments.batch_id, "keys": len(dirty), "tasks": tasks, "on": "driver"}
        )
    )
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
        for _, result in processes.results(work, partial(_run_task, arguments, arguments.is_retry)):
            yield result
    except WorkFailedError as error:
        log.warning("%s; they are repeated, and each image is decoded in a child process", error)
        with Processes.spawned(processes.count) as others:
            for _, result in others.results(error.unfinished, partial(_run_task, arguments, True)):
                yield result


def _run_task(arguments: FeaturizeArguments, is_careful: bool, dirty: list[KeyToFetch]) -> _TaskResult:
    with closing(KeyFeaturizer(arguments, is_careful=is_careful)) as featurizer:
        changes = list(featurizer.changes(iter(dirty)))
    return _TaskResult(changes, featurizer.counters)


def _rows(changes: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows to write, as schema.ROWS."""
    for batch in changes:
        rows = batch.filter(pc.invert(batch["gone"])).drop_columns("gone")
        if rows.num_rows:
            yield rows


def _replaced(known: pa.Table, changes: list[pa.RecordBatch]) -> pa.Table:
    """Return the known rows whose keys have changed: their images are gone, or have other rows now."""
    changed = pa.concat_arrays([pa.array([], pa.string()), *(batch["key"] for batch in changes)])
    return known.filter(pc.is_in(known["key"], value_set=changed))


def _is_maintenance_due(lake_bucket: str, table: PyIcebergTable, batch: Batch) -> bool:
    """Return True if there is something to do after this run (TableMaintenance.after_run, and erasures)."""
    return (
        batch.asks_for_maintenance
        or any(name.startswith(BRANCH_PREFIX) for name in table.branches())
        or count_small_files(table.committed_files()) >= MANY_FILES
        or table.delete_files() >= MANY_FILES
        or any(True for _ in list_objects(lake_bucket, OPEN_ERASURES))
    )
