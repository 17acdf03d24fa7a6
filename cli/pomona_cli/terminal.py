"""What is shown: names from a bucket are hostile input, so no character of theirs may steer a terminal."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text


def escaped(text: object) -> str:
    r"""The text with every character that is not printable written as \xNN, \uNNNN or \UNNNNNNNN.

    Colours, cursor movements, line ends and marks that turn the direction of writing are among them.
    """
    return "".join(character if character.isprintable() else _code(character) for character in str(text))


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def say(sentence: str) -> None:
    """A sentence for the operator: to stderr, so that what a command lists can be piped."""
    print(escaped(sentence), file=sys.stderr)  # noqa: T201


def counted(number: int, noun: str) -> str:
    """So many of something, in words: `1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counted_are(number: int, noun: str) -> str:
    """The same with its verb: `1 key is`, `2 keys are`."""
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def shortened(text: str, length: int = 120) -> str:
    """The text as it is shown, its middle left out if it is longer: a key has up to 1,024 bytes."""
    shown = escaped(text)
    half = length // 2
    return shown if len(shown) <= length else f"{shown[:half]} ... {shown[-half:]}"


def show(line: str = "") -> None:
    """A line of what was asked for, to stdout."""
    print(escaped(line))  # noqa: T201


def show_json(documents: Iterable[Any]) -> None:
    """One JSON object a line, in ASCII: exact, and harmless for a terminal."""
    for document in documents:
        print(json.dumps(document, default=_plain))  # noqa: T201


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table to stdout; None is shown as nothing."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", expand=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else escaped(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator["Counter"]:
    """Shows on stderr, if that is a terminal, how much of a long work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        yield Counter(bar, what, total)


class Counter:
    """A line of a progress display, and the number that it shows."""

    def __init__(self, bar: Progress, what: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=total)
        self.count = 0

    def add(self, more: int) -> None:
        """So many more are done."""
        self.count += more
        self._bar.update(self._task, completed=self.count)


def moment(at: datetime | str | None) -> str | None:
    """A point in time as people read it, in UTC to the second."""
    if at is None:
        return None
    read = datetime.fromisoformat(at) if isinstance(at, str) else at
    return read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str | None:
    """A length of time in its two largest units."""
    if seconds is None:
        return None
    whole = int(seconds)
    for unit, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // small} {small_name}"
    return f"{whole} s"
