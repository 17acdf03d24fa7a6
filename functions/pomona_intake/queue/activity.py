"""What the queue reports about its work, for logs and metrics."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice

from pomona_contract.lanes import Lane
from pomona_intake.runs.run_states import RunState

_NAMED_SEGMENTS = 50


@dataclass(frozen=True)
class Activity:
    """One thing that the queue did."""

    done: str  # written, claimed, started, ended, settled, attempted again, failed, paused, lost a race, ignored
    batch_id: str = ""
    attempt: int = 0
    details: str = ""
    lane: Lane = Lane.CLUSTER
    closed_run: RunState | None = None
    """The ended run of an attempt that this caller, and no other, has closed."""


ActivityListener = Callable[[Activity], None]


def listed_segments(names: Collection[str]) -> str:
    """Return the segments' names for the log, at most 50 of them, so that a key's segment leads to its batch."""
    shown = ", ".join(islice(names, _NAMED_SEGMENTS))
    return f"{len(names)} segments: {shown}{' and others' if len(names) > _NAMED_SEGMENTS else ''}"
