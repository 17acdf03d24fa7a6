"""When a batch is due and which segments it takes: decisions without I/O."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from intake.segments import Segment


def is_due(pending: Sequence[Segment], now: datetime, launch_at_keys: int, launch_after: timedelta) -> bool:
    """Whether enough keys are pending, or the oldest has waited long enough."""
    if not pending:
        return False
    oldest = min(segment.written_at for segment in pending)
    return sum(segment.keys for segment in pending) >= launch_at_keys or now - oldest >= launch_after


def take(pending: Iterable[Segment], max_keys: int) -> tuple[Segment, ...]:
    """The oldest segments that hold at most `max_keys` together, but always at least one.

    A segment larger than a batch may be would otherwise block the line for ever.
    """
    taken: list[Segment] = []
    keys = 0
    for segment in sorted(pending, key=lambda segment: segment.name):
        keys += segment.keys
        if taken and keys > max_keys:
            break
        taken.append(segment)
    return tuple(taken)
