"""Read the history of an Iceberg table from its metadata: have its rows changed since a snapshot?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_CHANGES = ("added-records", "deleted-records", "added-position-deletes", "added-equality-deletes")


def current_snapshot(metadata: Mapping[str, Any]) -> int | None:
    """Return the id of the table's current snapshot, None if it has none yet."""
    snapshot_id = metadata.get("current-snapshot-id")
    return None if snapshot_id in (None, -1) else int(snapshot_id)


def row_count(metadata: Mapping[str, Any]) -> int:
    """Return how many rows the current snapshot has, as its summary counts them."""
    summary: Mapping[str, str] = next((snapshot["summary"] for snapshot in _ancestry(metadata)), {})
    return _count(summary, "total-records") - _count(summary, "total-position-deletes")


def changed_since(metadata: Mapping[str, Any], snapshot_id: int | None) -> bool:
    """Return True if rows were added or deleted after a snapshot.

    Also True for None, and for a snapshot that is not in the history. A snapshot alone proves no change: a run commits
    one even if it changed nothing, and a compaction (`replace`) changes files but no row.
    """
    for snapshot in _ancestry(metadata):
        if snapshot["snapshot-id"] == snapshot_id:
            return False
        if _changes_rows(snapshot["summary"]):
            return True
    return True


def unfitted_since(metadata: Mapping[str, Any], snapshot_id: int | None) -> datetime | None:
    """Return when the oldest change of rows after a snapshot was committed, as far as the history goes; else None."""
    oldest = None
    for snapshot in _ancestry(metadata):
        if snapshot["snapshot-id"] == snapshot_id:
            break
        if _changes_rows(snapshot["summary"]):
            oldest = datetime.fromtimestamp(snapshot["timestamp-ms"] / 1000, UTC)
    return oldest


def needs_maintenance(metadata: Mapping[str, Any], before: datetime) -> bool:
    """Return True if files still hold deleted rows, or a snapshot other than the current one is older than `before`."""
    current = current_snapshot(metadata)
    snapshots: Sequence[Mapping[str, Any]] = metadata.get("snapshots", ())
    old = (one for one in snapshots if one["snapshot-id"] != current)
    if any(one["timestamp-ms"] < before.timestamp() * 1000 for one in old):
        return True
    return any(_count(one["summary"], "total-delete-files") for one in snapshots if one["snapshot-id"] == current)


def _ancestry(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the current snapshot and its ancestors, newest first, as far as they have not expired."""
    snapshots = {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots", ())}
    snapshot = snapshots.get(current_snapshot(metadata))
    while snapshot is not None:
        yield snapshot
        snapshot = snapshots.get(snapshot.get("parent-snapshot-id"))


def _changes_rows(summary: Mapping[str, str]) -> bool:
    return summary.get("operation") != "replace" and any(_count(summary, name) for name in _CHANGES)


def _count(summary: Mapping[str, str], name: str) -> int:
    return int(summary.get(name, 0))
