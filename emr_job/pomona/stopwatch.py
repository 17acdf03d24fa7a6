"""Measures the time that the parts of a run take."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add the time that the block takes to `seconds[part]`."""
    began = perf_counter()
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + perf_counter() - began


@dataclass
class Stopwatch:
    """Seconds by part, in the order in which the parts began. The clock starts when the object is created.

    `before` are seconds of work that was done earlier, and belong to the whole.
    """

    before: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _started: float = field(default_factory=perf_counter)

    def timing(self, part: str) -> AbstractContextManager[None]:
        """Add the time that the block takes to `part`."""
        return timed(self.seconds, part)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self.before + perf_counter() - self._started

    def readings(self) -> dict[str, float]:
        """Return the seconds by part, to the millisecond, and `total` since the start."""
        return {part: round(seconds, 3) for part, seconds in (self.seconds | {"total": self.elapsed()}).items()}
