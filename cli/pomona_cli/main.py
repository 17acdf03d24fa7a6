"""Entry point of `pomona`.

What Python has not loaded at this point is imported inside `main`, so that Ctrl-C during an import is caught.
"""

import os
import sys

from pomona_cli.exit_status import FAILED, INTERRUPTED


def main() -> None:
    """Run the application and exit with its status."""
    try:
        _run()
    except KeyboardInterrupt:  # during the imports; Typer handles a later one
        print("Interrupted.", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)


def _run() -> None:
    from pomona_cli.app import app
    from pomona_cli.output.files import STDOUT, name_stdout

    name_stdout()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename != STDOUT:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes stdout again when it exits
        if not isinstance(error, BrokenPipeError):  # `pomona ... | head` is no error
            print(f"pomona: stdout cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        sys.exit(FAILED)
