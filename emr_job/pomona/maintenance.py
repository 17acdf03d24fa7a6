"""What keeps the feature table quick and its past short: compaction, expiry of snapshots, orphaned files.

It takes turns with the runs, because a run does it: a compaction beside a run would make its publishing fail. An
ordinary run does what has become worth its while; one whose batch holds a request of the function `maintain` does all
of it.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pomona.iceberg import count_of, forget_files, iterate
from pomona.table import BRANCH_PREFIX, FeatureTable

# Each run adds a small file: joined before there are so many that a scan opens more files than it reads.
MANY_FILES = 20
SMALL_FILE_BYTES = 48 * 2**20
"""Well below the table's target. What a compaction makes must not be small again: each run would compact the table."""
# Orphans are young while their run still writes them.
ORPHANED_AFTER = timedelta(days=3)
log = logging.getLogger("pomona.maintenance")


@dataclass(frozen=True)
class Maintenance:
    """The maintenance of one table whose snapshots are kept for `keep`."""

    table: FeatureTable
    keep: timedelta

    def after_run(self) -> list[str]:
        """What an ordinary run does: only what has piled up. Gives what was done, in words."""
        present = self.table.load()
        done = _drop_leftovers(present)
        if _small_files(present) >= MANY_FILES:
            done += self._compact()
        if _delete_files(present) >= MANY_FILES:
            done += self._join_delete_files()
        return done

    def thorough(self, keep: timedelta | None = None) -> list[str]:
        """All there is to do: afterwards no data file holds a deleted row, and no snapshot is older than `keep`.

        A row that was deleted is gone for good when the snapshots from before the compaction have expired: at once
        with a `keep` of zero.
        """
        present = self.table.load()
        done = _drop_leftovers(present)
        if _delete_files(present):
            done += self._compact(rewrite_all_with_deletes=True)
        return done + self._expire(self.keep if keep is None else keep) + self._remove_orphans()

    def _compact(self, *, rewrite_all_with_deletes: bool = False) -> list[str]:
        options = {"remove-dangling-deletes": "true", "min-file-size-bytes": str(SMALL_FILE_BYTES)}
        if rewrite_all_with_deletes:
            options |= {"delete-file-threshold": "1"}
        found = self._call("rewrite_data_files", f"options => {_sql_map(options)}")
        forget_files(self.table.spark, self.table.load())
        return [f"compacted {found['rewritten_data_files_count']} files into {found['added_data_files_count']}"]

    def _join_delete_files(self) -> list[str]:
        found = self._call("rewrite_position_delete_files")
        return [f"joined {found['rewritten_delete_files_count']} delete files"]

    def _expire(self, keep: timedelta) -> list[str]:
        """By SQL: Iceberg's quicker way, without Spark, leaves the files that the present snapshot has replaced."""
        before = len(self._snapshots())
        self._call("expire_snapshots", f"older_than => {_timestamp(keep)}, retain_last => 1")
        expired = before - len(self._snapshots())
        return [f"expired {expired} snapshots"] if expired else []

    def _snapshots(self) -> list[Any]:
        return list(iterate(self.table.load().snapshots()))

    def _remove_orphans(self) -> list[str]:
        # listed through the table's own FileIO: the platform's Hadoop may have no file system for s3://
        arguments = f"older_than => {_timestamp(ORPHANED_AFTER)}, prefix_listing => true"
        removed = self.table.spark.sql(self._sql("remove_orphan_files", arguments)).count()
        return [f"removed {removed} orphaned files"] if removed else []

    def _call(self, procedure: str, arguments: str = "") -> dict[str, Any]:
        return dict(self.table.spark.sql(self._sql(procedure, arguments)).collect()[0].asDict())

    def _sql(self, procedure: str, arguments: str) -> str:
        table = f"table => '{self.table.database}.{self.table.table}'"
        return f"CALL {self.table.catalog}.system.{procedure}({', '.join(filter(None, (table, arguments)))})"


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


def _drop_leftovers(table: Any) -> list[str]:  # noqa: ANN401 (an object of the JVM)
    """Branches of runs that died: as long as they are there, nothing that they hold expires."""
    leftovers = [name for name in iterate(table.refs().keySet()) if name.startswith(BRANCH_PREFIX)]
    for name in leftovers:
        table.manageSnapshots().removeBranch(name).commit()
    return [f"dropped {len(leftovers)} branches"] if leftovers else []


def _sql_map(options: dict[str, str]) -> str:
    return f"map({', '.join(repr(text) for option in options.items() for text in option)})"


def _timestamp(ago: timedelta) -> str:
    return f"TIMESTAMP '{datetime.now(UTC) - ago:%Y-%m-%d %H:%M:%S.%f}'"
