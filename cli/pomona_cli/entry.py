"""`pomona` from its first moment: Ctrl-C while Python imports is no traceback.

Only what Python itself has imported already is imported here: a Ctrl-C meanwhile could not be caught.
"""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the application, and end the process with its status."""
    try:
        from pomona_cli.process import run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
