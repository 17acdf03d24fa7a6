"""What the demo prints while it runs, and how it waits."""

import time
from collections.abc import Callable

from demo.errors import DemoError

BEGAN = time.monotonic()
_TIMEOUT_SECONDS = 6 * 3600
_POLL_SECONDS = 0.3
_PRINT_EVERY_SECONDS = 5


def elapsed_seconds() -> float:
    """Return the seconds since the start of the process."""
    return time.monotonic() - BEGAN


def say(text: str) -> None:
    """Print a line with the elapsed time."""
    print(f"[{elapsed_seconds():5.0f} s] {text}", flush=True)


def wait_until(pending: Callable[[], str]) -> None:
    """Wait until `pending` returns an empty text; print its text now and then.

    Raises:
        DemoError: it takes longer than six hours.
    """
    printed = 0.0
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while text := pending():
        if time.monotonic() > deadline:
            raise DemoError(f"gave up waiting: {text}")
        if time.monotonic() - printed > _PRINT_EVERY_SECONDS:
            printed = time.monotonic()
            say(f"  {text}")
        time.sleep(_POLL_SECONDS)
