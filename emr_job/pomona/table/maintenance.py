"""Maintenance of the feature table: compaction, expiry of snapshots, removal of orphaned files.

A featurize run does it after it has published, because a compaction beside a run would make that run's publication
fail. An ordinary run does what has piled up. A run whose batch holds a request of the function `maintain` does all.
"""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pomona.errors import MaintenanceUnfinishedError
from pomona.table.branch_names import BRANCH_PREFIX
from pomona.table.commit_history import committed_files, count_delete_files
from pomona.table.deadline import NEVER, Deadline
from pomona.table.feature_table import FeatureTable
from pomona.table.iceberg import drop_branch, iterate
from pomona.table.iceberg_files import data_locations, files_with_deletes, forget_files, remove_dangling_deletes
from pomona.table.small_files import MANY_FILES, SMALL_FILE_BYTES, count_small_files
from pomona.table.snapshot_limits import expired_before

ORPHANED_AFTER = timedelta(days=1)
"""Twice what a run may take (RunTimeoutMinutes): no running job can commit an older file any more."""
COMPACTION = {
    # commit each group of files when it is rewritten, so that a deadline or an error does not undo the others; at most
    # 10 commits (partial-progress.max-commits), each a snapshot that replaces files and no rows
    "partial-progress.enabled": "true",
    # by default a group has up to 100 GB: most tables would be one group
    "max-file-group-size-bytes": str(2 * 2**30),
    # with true, a newest delete file that covers several data files still seems to apply to the rewritten ones
    "use-starting-sequence-number": "false",
}
"""Options of Iceberg's rewrite_data_files."""
log = logging.getLogger("pomona.table.maintenance")


@dataclass(frozen=True)
class TableMaintenance:
    """The maintenance of one table whose snapshots are kept for `keep`.

    The methods yield, in words, each step that is done: a later error does not undo it. No step begins after the
    deadline; MaintenanceUnfinishedError is raised instead.
    """

    table: FeatureTable
    keep: timedelta
    deadline: Deadline = NEVER
    longest_refit: timedelta = timedelta(hours=4)
    """How long a refit may read a snapshot that it began with, however many others there are."""

    def after_run(self) -> Iterator[str]:
        """Do the maintenance of an ordinary run: compact if there are many small files or many delete files."""
        present, failed = self.table.load(), 0
        yield from _drop_leftovers(present)
        if count_small_files(committed_files(present)) >= MANY_FILES:
            failed = yield from self._compact()
            present = self.table.load()
        if count_delete_files(present) >= MANY_FILES:
            yield from self._join_delete_files()
        _require_rewritten(failed)

    def thorough(self, keep: timedelta | None = None) -> Iterator[str]:
        """Do all of the maintenance: afterwards no data file holds a deleted row, and no snapshot is older than `keep`.

        A deleted row is gone for good when the snapshots from before the compaction have expired: at once with a `keep`
        of zero.

        Raises:
            MaintenanceUnfinishedError: a data file could not be rewritten; all other steps are done.
        """
        present, failed = self.table.load(), 0
        yield from _drop_leftovers(present)
        stale: set[str] = set()
        if count_delete_files(present):
            stale = files_with_deletes(present)
            failed = yield from self._compact(rewrite_all_with_deletes=True)
        elif count_small_files(committed_files(present)) >= MANY_FILES:
            failed = yield from self._compact()  # those of the express lane, which maintains nothing itself
        yield from self._expire(self.keep if keep is None else keep)
        yield from self._remove_orphans()
        # `failed` does not count files of a group that was rewritten but could not be committed
        _require_rewritten(max(failed, len(stale & data_locations(self.table.load())) if stale else 0))

    def _compact(self, *, rewrite_all_with_deletes: bool = False) -> Generator[str, None, int]:
        """Yield what was done, and return the number of files whose rewriting failed; Iceberg logs why."""
        options = COMPACTION | {"min-file-size-bytes": str(SMALL_FILE_BYTES)}
        if rewrite_all_with_deletes:
            options |= {"delete-file-threshold": "1"}
        found = self._call("rewrite_data_files", f"options => {_sql_map(options)}")
        yield f"compacted {found['rewritten_data_files_count']} files into {found['added_data_files_count']}"
        present = self.table.load()
        if dangling := remove_dangling_deletes(self.table.spark, present):
            yield f"removed {dangling} delete files"
        forget_files(self.table.spark, present)
        return int(found["failed_data_files_count"])

    def _join_delete_files(self) -> Iterator[str]:
        found = self._call("rewrite_position_delete_files")
        yield f"joined {found['rewritten_delete_files_count']} delete files"

    def _expire(self, keep: timedelta) -> Iterator[str]:
        """Expire snapshots by SQL: Iceberg's faster API without Spark keeps the files that the present has replaced."""
        committed = [datetime.fromtimestamp(one.timestampMillis() / 1000, UTC) for one in self._snapshots()]
        oldest = expired_before(committed, keep, self.longest_refit)
        self._call("expire_snapshots", f"older_than => {_timestamp(oldest)}, retain_last => 1")
        if expired := len(committed) - len(self._snapshots()):
            yield f"expired {expired} snapshots"

    def _snapshots(self) -> list[Any]:
        return list(iterate(self.table.load().snapshots()))

    def _remove_orphans(self) -> Iterator[str]:
        # listed through the table's own FileIO: the platform's Hadoop may have no file system for s3://
        arguments = f"older_than => {_timestamp(datetime.now(UTC) - ORPHANED_AFTER)}, prefix_listing => true"
        if removed := len(self._rows("remove_orphan_files", arguments)):
            yield f"removed {removed} orphaned files"

    def _call(self, procedure: str, arguments: str = "") -> dict[str, Any]:
        return dict(self._rows(procedure, arguments)[0].asDict())

    def _rows(self, procedure: str, arguments: str) -> list[Any]:
        if self.deadline.has_passed:
            raise MaintenanceUnfinishedError(f"the time of the run was up before {procedure}")
        table = f"table => '{self.table.database}.{self.table.table}'"
        named = ", ".join(filter(None, (table, arguments)))
        return self.table.spark.sql(f"CALL {self.table.catalog}.system.{procedure}({named})").collect()


def _require_rewritten(left: int) -> None:
    if left:
        raise MaintenanceUnfinishedError(f"{left} data files could not be rewritten: the log of the run says why")


def _drop_leftovers(table: Any) -> Iterator[str]:  # noqa: ANN401 (an object of the JVM)
    """Drop the branches of runs that died: as long as they are there, nothing that they hold expires."""
    leftovers = [name for name in iterate(table.refs().keySet()) if name.startswith(BRANCH_PREFIX)]
    for name in leftovers:
        drop_branch(table, name)
    if leftovers:
        yield f"dropped {len(leftovers)} branches"


def _sql_map(options: dict[str, str]) -> str:
    return f"map({', '.join(repr(text) for option in options.items() for text in option)})"


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
