"""Counts small files and delete files that runs have added to the table, from the snapshots' summaries."""

from typing import Any

from pomona.table.iceberg import count_of

SMALL_FILE_BYTES = 48 * 2**20
"""Well below the table's target. What a compaction makes must not be small again: each run would compact the table."""


def count_small_files(table: Any) -> int:  # noqa: ANN401 (an object of the JVM)
    """Return how many small files runs have added to the table's present since its last compaction.

    Of the files from before the oldest snapshot, only the average size is known: it decides for all of them.
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
    """Return True if the snapshot replaced data files; joined delete files and rewritten manifests replace others."""
    return snapshot.operation() == "replace" and count_of(snapshot, "deleted-data-files") > 0


def _if_small(files: int, size: int) -> int:
    return files if size < files * SMALL_FILE_BYTES else 0


def count_delete_files(table: Any) -> int:  # noqa: ANN401 (an object of the JVM)
    """Return how many delete files the table's present has."""
    return count_of(table.currentSnapshot(), "total-delete-files")
