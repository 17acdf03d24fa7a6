"""The application as a process: an output that takes no more ends every command in the same way."""

import errno
import os
import sys

from pomona_cli.sink import Sink, take_over_stdout

BROKEN_PIPE = 141  # what a shell says of a program that wrote into a closed pipe


def run() -> None:
    """Run the application, and end the process with its status."""
    stdout = take_over_stdout()
    try:
        _run_application()
    except BaseException:
        # by the sink and not by the error: on its way others may have made another of it
        if stdout.failure is None:
            raise
        sys.exit(_end_of(stdout, stdout.failure))


def _run_application() -> None:
    from pomona_cli.main import app

    try:
        app()
    finally:
        sys.stdout.flush()


def _end_of(stdout: Sink, failure: OSError) -> int:
    """The status of a program whose output could not be written; what is left of the output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    if failure.errno == errno.EPIPE:
        return BROKEN_PIPE
    print(f"pomona: stdout cannot be written: {failure.strerror}.", file=sys.stderr)  # noqa: T201
    return 1
