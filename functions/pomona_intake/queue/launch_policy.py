"""Decide when a batch is due, which segments it takes, and when it is retried. Nothing here does I/O."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pomona_contract.segments import Segment

MAX_SEGMENTS = 1_000  # of a batch: bounds the size of its claim, and the copies if it fails
_GROWTH = 6
_FIRST_RESTART = timedelta(minutes=1)
_JITTER = 0.25


def is_due(pending: Sequence[Segment], now: datetime, launch_at_keys: int, launch_after: timedelta) -> bool:
    """Return True if enough keys are pending, or the oldest has waited long enough."""
    if not pending:
        return False
    oldest = min(segment.written_at for segment in pending)
    return sum(segment.keys for segment in pending) >= launch_at_keys or now - oldest >= launch_after


def take(pending: Iterable[Segment], max_keys: int) -> tuple[Segment, ...]:
    """Return the oldest segments that hold at most `max_keys` together, MAX_SEGMENTS at most, but at least one.

    Without that one, a segment of more than `max_keys` would block the queue for ever.
    """
    taken: list[Segment] = []
    keys = 0
    for segment in sorted(pending, key=lambda segment: segment.name):
        keys += segment.keys
        if taken and (keys > max_keys or len(taken) == MAX_SEGMENTS):
            break
        taken.append(segment)
    return tuple(taken)


def retry_delay(failures: int, max_attempts: int, longest: timedelta, chance: float) -> timedelta:
    """Return how long a batch waits after its run has failed.

    The last attempt waits for `longest`, each earlier one for a sixth of the next. So an outage that is shorter than
    `longest` cannot use up a batch's attempts. Jitter only lengthens the wait.

    Args:
        failures: runs of the batch that have failed, from 1; fewer than `max_attempts`.
        longest: the wait before the last attempt.
        chance: a number between 0 and 1, for the jitter.
    """
    shrink: int = _GROWTH ** (max_attempts - 1 - failures)
    return longest / shrink * (1 + _JITTER * chance)


def restart_delay(restarts: int, longest: timedelta, chance: float) -> timedelta:
    """Return how long a batch waits after a run that never reached RUNNING, or was refused.

    Args:
        restarts: number of such runs of the batch, from 1.
        longest: the longest wait.
        chance: a number between 0 and 1, for the jitter.
    """
    growth: int = _GROWTH ** min(restarts - 1, 10)
    return min(longest, _FIRST_RESTART * growth) * (1 + _JITTER * chance)
