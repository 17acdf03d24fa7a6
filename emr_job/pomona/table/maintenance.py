"""What keeps the feature table quick and its past short: compaction, expiry of snapshots, orphaned files.

It takes turns with the runs, because a run does it: a compaction beside a run would make its publishing fail. An
ordinary run does what has become worth its while; one whose batch holds a request of the function `maintain` does all
of it.
"""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pomona.errors import UnfinishedError
from pomona.s3.objects import bucket_and_key, list_objects
from pomona.table.deadline import NEVER, Deadline
from pomona.table.feature_table import BRANCH_PREFIX, FeatureTable, branch_of, order_of
from pomona.table.iceberg import (
    count_of,
    data_locations,
    files_with_deletes,
    forget_files,
    iterate,
    remove_dangling_deletes,
)

# Each run adds a small file: joined before there are so many that a scan opens more files than it reads.
MANY_FILES = 20
SMALL_FILE_BYTES = 48 * 2**20
"""Well below the table's target. What a compaction makes must not be small again: each run would compact the table."""
ORPHANED_AFTER = timedelta(days=1)
"""Twice what a run may take (RunTimeoutMinutes): whoever wrote a file that old cannot commit it any more."""
COMPACTION = {
    # commit each group of files when it is rewritten: a deadline or an error does not undo the rest. At most 10 commits
    # (partial-progress.max-commits), each a snapshot that replaces files, not rows
    "partial-progress.enabled": "true",
    # by default a group is as large as 100 GB: most tables would be one group
    "max-file-group-size-bytes": str(2 * 2**30),
    # with true, the newest delete file, if it covers several data files, still seems to apply to the rewritten ones
    "use-starting-sequence-number": "false",
}
"""Options of Iceberg's rewrite_data_files."""
# Iceberg's tables of its own files, of every snapshot that it keeps: the column and the table
_FILES = {
    "file_path": "all_files",
    "path": "all_manifests",
    "manifest_list": "snapshots",
    "file": "metadata_log_entries",
}
log = logging.getLogger("pomona.table.maintenance")


@dataclass(frozen=True)
class Maintenance:
    """The maintenance of one table whose snapshots are kept for `keep`.

    Its steps yield, in words, what they have done: an error does not take that back. No step begins after the deadline;
    UnfinishedError then says so.
    """

    table: FeatureTable
    keep: timedelta
    deadline: Deadline = NEVER

    def after_run(self) -> Iterator[str]:
        """Do what an ordinary run does: only what has piled up."""
        present, failed = self.table.load(), 0
        yield from _drop_leftovers(present)
        if _small_files(present) >= MANY_FILES:
            failed = yield from self._compact()
            present = self.table.load()
        if _delete_files(present) >= MANY_FILES:
            yield from self._join_delete_files()
        _require_rewritten(failed)

    def thorough(self, keep: timedelta | None = None) -> Iterator[str]:
        """Do all there is to do: afterwards no data file holds a deleted row, and no snapshot is older than `keep`.

        A row that was deleted is gone for good when the snapshots from before the compaction have expired: at once
        with a `keep` of zero. UnfinishedError, after all the rest, if a data file could not be rewritten.
        """
        present, failed = self.table.load(), 0
        yield from _drop_leftovers(present)
        stale: set[str] = set()
        if _delete_files(present):
            stale = files_with_deletes(present)
            failed = yield from self._compact(rewrite_all_with_deletes=True)
        yield from self._expire(self.keep if keep is None else keep)
        yield from self._remove_orphans()
        # `failed` does not count the files of a group that was rewritten and could not be committed
        _require_rewritten(max(failed, len(stale & data_locations(self.table.load())) if stale else 0))

    def unknown_files(self) -> list[str]:
        """The addresses of all files in the table's folder that it knows nothing of, however young they are."""
        known = {address for column, table in _FILES.items() for address in self._column(column, table)}
        bucket, folder = bucket_and_key(f"{self.table.load().location()}/")
        found = (f"s3://{bucket}/{key}" for key, _ in list_objects(bucket, folder))
        return [address for address in found if address not in known]

    def _column(self, column: str, metadata_table: str) -> list[str]:
        rows = self.table.spark.table(f"{self.table.name}.{metadata_table}").select(column).distinct().collect()
        return [row[0] for row in rows]

    def remove_unknown_files(self, branch: str) -> list[str]:
        """Remove those that attempts before the one of this branch, which has published, wrote; gives what is left.

        No earlier attempt can publish any more. But one that was given up may still be compacting: what lies in no
        attempt's folder stays until it is ORPHANED_AFTER.
        """
        unknown = self.unknown_files()
        useless = {file for file in unknown if (writer := branch_of(file)) and order_of(writer) < order_of(branch)}
        storage = self.table.load().io()
        for file in useless:
            storage.deleteFile(file)
        return sorted(set(unknown) - useless)

    def _compact(self, *, rewrite_all_with_deletes: bool = False) -> Generator[str, None, int]:
        """Yield what was done; the value is the number of files whose rewriting failed, as Iceberg logs."""
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
        """By SQL: Iceberg's quicker way, without Spark, leaves the files that the present snapshot has replaced."""
        before = len(self._snapshots())
        self._call("expire_snapshots", f"older_than => {_timestamp(keep)}, retain_last => 1")
        if expired := before - len(self._snapshots()):
            yield f"expired {expired} snapshots"

    def _snapshots(self) -> list[Any]:
        return list(iterate(self.table.load().snapshots()))

    def _remove_orphans(self) -> Iterator[str]:
        # listed through the table's own FileIO: the platform's Hadoop may have no file system for s3://
        arguments = f"older_than => {_timestamp(ORPHANED_AFTER)}, prefix_listing => true"
        if removed := len(self._rows("remove_orphan_files", arguments)):
            yield f"removed {removed} orphaned files"

    def _call(self, procedure: str, arguments: str = "") -> dict[str, Any]:
        return dict(self._rows(procedure, arguments)[0].asDict())

    def _rows(self, procedure: str, arguments: str) -> list[Any]:
        if self.deadline.has_passed:
            raise UnfinishedError(f"the time of the run was up before {procedure}")
        table = f"table => '{self.table.database}.{self.table.table}'"
        named = ", ".join(filter(None, (table, arguments)))
        return self.table.spark.sql(f"CALL {self.table.catalog}.system.{procedure}({named})").collect()


def _require_rewritten(left: int) -> None:
    if left:
        raise UnfinishedError(f"{left} data files could not be rewritten: the log of the run says why")


def _small_files(table: Any) -> int:  # noqa: ANN401 (an object of the JVM)
    """How many small files runs have added to the table's present since it was compacted.

    Of what was there before the oldest snapshot that is kept, only the average size is known.
    """
    small, snapshot = 0, table.currentSnapshot()
    while snapshot is not None and not _is_compaction(snapshot):
        added, size = count_of(snapshot, "added-data-files"), count_of(snapshot, "added-files-size")
        small += _if_small(added, size)
        parent = None if snapshot.parentId() is None else table.snapshot(snapshot.parentId())
        if parent is None:
            small += _if_small(
                count_of(snapshot, "total-data-files") - added, count_of(snapshot, "total-files-size") - size
            )
        snapshot = parent
    return small


def _is_compaction(snapshot: Any) -> bool:  # noqa: ANN401 (an object of the JVM)
    """Joined delete files and rewritten manifests replace something too, but no data files."""
    return snapshot.operation() == "replace" and count_of(snapshot, "deleted-data-files") > 0


def _if_small(files: int, size: int) -> int:
    return files if size < files * SMALL_FILE_BYTES else 0


def _delete_files(table: Any) -> int:  # noqa: ANN401 (an object of the JVM)
    """How many of them the table's present has."""
    return count_of(table.currentSnapshot(), "total-delete-files")


def _drop_leftovers(table: Any) -> Iterator[str]:  # noqa: ANN401 (an object of the JVM)
    """Branches of runs that died: as long as they are there, nothing that they hold expires."""
    leftovers = [name for name in iterate(table.refs().keySet()) if name.startswith(BRANCH_PREFIX)]
    for name in leftovers:
        table.manageSnapshots().removeBranch(name).commit()
    if leftovers:
        yield f"dropped {len(leftovers)} branches"


def _sql_map(options: dict[str, str]) -> str:
    return f"map({', '.join(repr(text) for option in options.items() for text in option)})"


def _timestamp(ago: timedelta) -> str:
    return f"TIMESTAMP '{datetime.now(UTC) - ago:%Y-%m-%d %H:%M:%S.%f}'"
