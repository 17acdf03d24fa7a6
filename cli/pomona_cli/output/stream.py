"""Lines and JSON on stdout, messages on stderr."""

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pomona_cli.output.text import escape


def print_message(sentence: str) -> None:
    """Write a message for the operator to stderr: stdout may be piped."""
    print(escape(sentence), file=sys.stderr)  # noqa: T201


def print_line(line: str = "") -> None:
    """Write a line of the command's result to stdout."""
    print(escape(line))  # noqa: T201


def print_json(documents: Iterable[Any]) -> None:
    """Write one JSON object a line to stdout, in ASCII: exact, and safe for a terminal."""
    for document in documents:
        print(json.dumps(document, default=_as_text))  # noqa: T201


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
