"""The deadline of a run's maintenance, which lies before the moment at which EMR Serverless ends the run."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

RESERVED_MINUTES = 2.0
RESERVED_SHARE = 0.1
"""Kept free of the timeout: EMR Serverless counts from before the driver's start, and not every step can be ended."""
CANCELS_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Deadline:
    """A moment of `time.monotonic`."""

    at: float

    @classmethod
    def of_run(cls, timeout_minutes: float, used_seconds: float) -> "Deadline":
        """Return the deadline of a run that EMR Serverless ends after `timeout_minutes`; `used_seconds` are over."""
        usable = timeout_minutes - max(RESERVED_MINUTES, RESERVED_SHARE * timeout_minutes)
        return cls(time.monotonic() + 60 * usable - used_seconds)

    @property
    def has_passed(self) -> bool:
        """Return True if the deadline has passed."""
        return time.monotonic() >= self.at

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` repeatedly from the deadline until the block ends, because the block may begin new work."""
        is_done = threading.Event()

        def watch() -> None:
            while not is_done.wait(CANCELS_EVERY_SECONDS):
                if self.has_passed:
                    cancel()

        watcher = threading.Thread(target=watch, name="deadline", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_done.set()
            watcher.join()


NEVER = Deadline(float("inf"))
