"""Decide when a batch is due, which segments it takes, and when it is retried. Nothing here does I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pomona_contract.lanes import Lane
from pomona_contract.segments import Segment

MAX_SEGMENTS = 1_000  # of a batch: bounds the size of its claim, and the copies if it fails
_GROWTH = 6
_FIRST_RESTART = timedelta(minutes=1)
_JITTER = 0.25


@dataclass(frozen=True)
class LaunchLimits:
    """What decides when a batch is launched, and on which lane."""

    launch_at_keys: int
    """Pending keys at which the cluster takes them at once."""
    launch_after: timedelta
    """How long a segment that the express lane does not take may wait for the cluster."""
    max_keys_per_run: int
    express_keys: int
    """Keys that the express lane takes at most; 0: it is off."""

    def fits_express(self, segment: Segment) -> bool:
        """Return True if the express lane may take the segment."""
        return self.express_keys > 0 and not segment.is_for_cluster and segment.keys <= self.express_keys


@dataclass(frozen=True)
class Launch:
    """A batch that is due: its lane and its segments."""

    lane: Lane
    segments: tuple[Segment, ...]


def due_launch(pending: Sequence[Segment], now: datetime, limits: LaunchLimits) -> Launch | None:
    """Return the batch that is due now; None if none is.

    The cluster takes everything as soon as enough keys are pending, or when a segment that only it may take has waited
    long enough. What the express lane may take does not wait.
    """
    express = [segment for segment in pending if limits.fits_express(segment)]
    waiting = [segment.written_at for segment in pending if not limits.fits_express(segment)]
    are_many = sum(segment.keys for segment in pending) >= limits.launch_at_keys
    if pending and (are_many or (waiting and now - min(waiting) >= limits.launch_after)):
        return Launch(Lane.CLUSTER, take(pending, limits.max_keys_per_run))
    if express:
        return Launch(Lane.EXPRESS, take(express, limits.express_keys))
    return None


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
