"""When the table has too many small files: the limits, and the count from the snapshots' summaries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

SUMMARY = ("added-data-files", "added-files-size", "deleted-data-files", "total-data-files", "total-files-size")
"""What a snapshot's summary says of data files, in Iceberg's names."""
MANY_FILES = 20
"""Compact when there are so many small files: each run adds one, and a scan needs at least one request for each."""
SMALL_FILE_BYTES = 48 * 2**20
"""Well below the table's target. What a compaction makes must not be small again: each run would compact the table."""


@dataclass(frozen=True)
class CommittedFiles:
    """What the summary of a snapshot says of data files."""

    operation: str
    added: int
    added_bytes: int
    deleted: int
    total: int
    total_bytes: int

    @classmethod
    def of(cls, operation: str, summary: Mapping[str, str]) -> Self:
        """Return the numbers of a summary; a missing one is 0."""
        return cls(operation, *(int(summary.get(name) or 0) for name in SUMMARY))

    @property
    def is_compaction(self) -> bool:
        """Return True if data files were replaced; joined delete files and rewritten manifests replace others."""
        return self.operation == "replace" and self.deleted > 0


def count_small_files(history: Iterable[CommittedFiles]) -> int:
    """Return how many small files runs have added to the table's present since its last compaction.

    Of the files from before the oldest snapshot, only the average size is known: it decides for all of them.

    Args:
        history: the snapshots that led to the present, the newest first, as far as they are kept.
    """
    small, oldest = 0, None
    for commit in history:
        if commit.is_compaction:
            return small
        small += _if_small(commit.added, commit.added_bytes)
        oldest = commit
    if oldest is not None:
        small += _if_small(oldest.total - oldest.added, oldest.total_bytes - oldest.added_bytes)
    return small


def _if_small(files: int, size: int) -> int:
    return files if size < files * SMALL_FILE_BYTES else 0
