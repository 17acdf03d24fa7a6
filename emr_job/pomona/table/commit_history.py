"""What the table's snapshots say of its files, through the driver's JVM."""

from collections.abc import Iterator
from typing import Any

from pomona.table.iceberg import count_of
from pomona.table.small_files import SUMMARY, CommittedFiles


def committed_files(table: Any) -> Iterator[CommittedFiles]:  # noqa: ANN401 (an object of the JVM)
    """Yield what each snapshot that led to the present has committed, the newest first, as far as they are kept."""
    snapshot = table.currentSnapshot()
    while snapshot is not None:
        counts = {name: str(count_of(snapshot, name)) for name in SUMMARY}
        yield CommittedFiles.of(str(snapshot.operation()), counts)
        snapshot = None if snapshot.parentId() is None else table.snapshot(snapshot.parentId())


def count_delete_files(table: Any) -> int:  # noqa: ANN401 (an object of the JVM)
    """Return how many delete files the table's present has."""
    return count_of(table.currentSnapshot(), "total-delete-files")
