"""How many snapshots a table keeps. Each makes its metadata longer, which every commit reads and writes."""

from datetime import UTC, datetime, timedelta

MOST_SNAPSHOTS = 1000
"""With more, the oldest expire even if they are younger than SnapshotDays, but none that a refit may still read."""
KEPT_SNAPSHOTS = MOST_SNAPSHOTS // 2
"""How many then stay."""


def expired_before(committed_at: list[datetime], keep: timedelta, longest_refit: timedelta) -> datetime:
    """Return the moment before which snapshots expire.

    Args:
        committed_at: when each snapshot of the table was committed, in any order.
        keep: how long snapshots are kept.
        longest_refit: how long a refit may read a snapshot that it began with.
    """
    oldest = datetime.now(UTC) - keep
    return max(oldest, _limit(committed_at, longest_refit)) if len(committed_at) > MOST_SNAPSHOTS else oldest


def has_many_to_expire(committed_at: list[datetime], longest_refit: timedelta) -> bool:
    """Return True if there are too many snapshots, and about half of MOST_SNAPSHOTS can go.

    If more come while the longest refit runs, the table has more of them: to ask again at each run would be of no use.
    """
    if len(committed_at) <= MOST_SNAPSHOTS:
        return False
    limit = _limit(committed_at, longest_refit)
    return sum(moment < limit for moment in committed_at) >= MOST_SNAPSHOTS - KEPT_SNAPSHOTS


def _limit(committed_at: list[datetime], longest_refit: timedelta) -> datetime:
    return min(sorted(committed_at)[-KEPT_SNAPSHOTS], datetime.now(UTC) - longest_refit)
