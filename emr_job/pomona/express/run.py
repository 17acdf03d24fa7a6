"""One run of the express lane, from the claimed batch to the published rows and the record of what was done."""

import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.manifest import DataFile as TableFile

from pomona.errors import PublishRefusedError, SupersededError
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch, claimed_batch, require_in_flight
from pomona.featurize.counters import TaskCounters
from pomona.featurize.key_featurizer import KeyFeaturizer
from pomona.featurize.partitioning import plan
from pomona.featurize.run_report import NO_MAINTENANCE, RunReport
from pomona.inference import cached_engine
from pomona.pyiceberg_table.table import PyIcebergTable, TooManyFilesError
from pomona.s3.image_fetcher import KeyToFetch
from pomona.s3.objects import list_objects, read_bytes, write_bytes
from pomona.stopwatch import Stopwatch
from pomona.table.small_files import count_small_files
from pomona.table.snapshot_limits import has_many_to_expire
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.lake_layout import PENDING_SEGMENTS
from pomona_contract.lanes import Lane
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import deferred_segments, maintenance_segment_name, requests_maintenance

MANY_SMALL_FILES = 100
"""Small files at which the cluster is asked to join them. That takes a run of the cluster; a higher number, fewer."""
log = logging.getLogger("pomona.express")


@dataclass(frozen=True)
class ExpressLimits:
    """What the function may do."""

    keys: int
    """Keys of a batch; a larger one is deferred as a whole."""
    megabytes: int
    """Memory of the function."""
    until: float = float("inf")
    """No image is decoded after this moment, in seconds of `time.monotonic`; the keys that are left are deferred."""


@dataclass(frozen=True)
class _Result:
    """What was found for the keys of a batch."""

    counters: TaskCounters = field(default_factory=TaskCounters)
    changes: list[pa.RecordBatch] = field(default_factory=list)
    """Rows to add, as schema.CHANGES."""
    deferred: list[str] = field(default_factory=list)
    """Keys that are left to the cluster."""


def featurize_express(arguments: FeaturizeArguments, limits: ExpressLimits, stopwatch: Stopwatch) -> dict[str, Any]:
    """Carry out one attempt at a small batch and return its record, `runs/<batch id>-<attempt>.json` in the lake.

    What is deferred lies in the queue before the rows are published, and the record is written last: whoever sees it
    may delete the segments of the batch.

    Raises:
        JobError: nothing was published; the class says what a retry can do.
    """
    with stopwatch.timing("plan"):
        _require_no_record(arguments)
        batch = claimed_batch(arguments)
        table = PyIcebergTable.open(arguments.lake_bucket, arguments.database, arguments.table)
        label = cached_engine(arguments.backbone, arguments.backbones).backbone.label
        dirty = _plan(arguments, table, batch, limits, label)
    with stopwatch.timing("write"):
        result = _Result(deferred=batch.keys) if dirty is None else _featurized(arguments, dirty, limits.until)
        file = table.write(arguments.run_name, _rows(result.changes))
    with stopwatch.timing("commit"):
        _defer(arguments, result.deferred)
        require_in_flight(arguments.lake_bucket, arguments.batch_id, arguments.attempt)
        snapshot_id = _published(arguments, table, file)
    _request_maintenance(arguments, table)
    report = RunReport(arguments, label, batch, result.counters, snapshot_id, Lane.EXPRESS, len(result.deferred))
    return report.write(NO_MAINTENANCE, stopwatch, function_megabytes=limits.megabytes)


def _require_no_record(arguments: FeaturizeArguments) -> None:
    if read_bytes(arguments.lake_bucket, arguments.run_name.record_key) is not None:
        raise SupersededError(f"batch {arguments.batch_id} attempt {arguments.attempt} is done: its event came twice")


def _plan(
    arguments: FeaturizeArguments, table: PyIcebergTable, batch: Batch, limits: ExpressLimits, backbone: str
) -> list[KeyToFetch] | None:
    """Return the keys with what the table knows of them; None if there are too many keys, or too many files."""
    if len(batch.keys) > limits.keys:
        log.warning("the batch has %s keys, and at most %s are done here", len(batch.keys), limits.keys)
        return None
    try:
        known = table.find_rows(arguments.images_bucket, batch.keys)
    except TooManyFilesError as error:
        log.warning("the batch is left to the cluster: %s", error)
        return None
    return plan(batch.keys, known, backbone, IgnoredNames(arguments.ignored_names))


def _featurized(arguments: FeaturizeArguments, dirty: list[KeyToFetch], until: float) -> _Result:
    featurizer = KeyFeaturizer(arguments, is_careful=arguments.careful, may_only_add=True, until=until)
    with closing(featurizer):
        changes = list(featurizer.changes(iter(dirty)))
    return _Result(featurizer.counters, changes, featurizer.deferred)


def _published(arguments: FeaturizeArguments, table: PyIcebergTable, file: TableFile | None) -> int:
    """Commit the file, and return the id of the new snapshot.

    Raises:
        SupersededError: the event came twice, and the other run was first.
        PublishRefusedError: somebody else has committed.
    """
    try:
        return table.commit([file], arguments.snapshot_properties)
    except PublishRefusedError as error:
        present = PyIcebergTable.open(arguments.lake_bucket, arguments.database, arguments.table)
        if present.was_published_by(arguments.snapshot_properties):
            raise SupersededError("the event came twice, and the other run has published") from error
        raise


def _rows(changes: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in changes:
        if pc.any(batch["gone"]).as_py():
            raise AssertionError("the express lane deletes no rows")
        yield batch.drop_columns("gone")


def _defer(arguments: FeaturizeArguments, keys: list[str]) -> None:
    """Put the keys back into the queue, for the cluster. A repetition does it again, which is harmless."""
    moment = datetime.now(UTC)
    lines = [DirtyKey(arguments.images_bucket, key, moment.isoformat()) for key in keys]
    request = f"{arguments.batch_id}-{secrets.token_hex(4)}"  # an event may come twice, and run twice at once
    for name, body in deferred_segments(lines, request, moment).items():
        write_bytes(arguments.lake_bucket, name, body)


def _request_maintenance(arguments: FeaturizeArguments, table: PyIcebergTable) -> None:
    """Ask the cluster to join small files, or to expire snapshots, when there are many and nobody has asked yet."""
    has_many_files = count_small_files(table.committed_files()) >= MANY_SMALL_FILES
    if not has_many_files and not has_many_to_expire(table.committed_at(), arguments.longest_refit):
        return
    lake_bucket = arguments.lake_bucket
    if not any(requests_maintenance(name) for name, _ in list_objects(lake_bucket, PENDING_SEGMENTS)):
        write_bytes(lake_bucket, maintenance_segment_name(datetime.now(UTC)), b"")
