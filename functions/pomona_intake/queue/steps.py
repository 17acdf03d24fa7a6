"""What the queue reports of itself, for logs and metrics."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pomona_intake.runs.emr_client import RunState

_NAMED_SEGMENTS = 50


@dataclass(frozen=True)
class Step:
    """Something the queue did."""

    done: str  # written, claimed, started, ended, settled, attempted again, failed, paused, lost a race, ignored
    batch_id: str = ""
    attempt: int = 0
    details: str = ""
    run: "RunState | None" = None  # the run that has ended


Report = Callable[[Step], None]


def named(segments: Collection[str]) -> str:
    """Return the segments' names for the log, of many the first, so that an event's line leads to its batch."""
    names = ", ".join(islice(segments, _NAMED_SEGMENTS))
    return f"{len(segments)} segments: {names}{' and others' if len(segments) > _NAMED_SEGMENTS else ''}"
