"""Progress of long work on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class ProgressCounter:
    """The number that a line of a progress display shows."""

    def __init__(self, bar: Progress, description: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=total)
        self.count = 0

    def add(self, more: int) -> None:
        """Increase the number."""
        self.count += more
        self._bar.update(self._task, completed=self.count)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[ProgressCounter]:
    """Show a counter on stderr while the block runs, if stderr is a terminal.

    Args:
        description: what is counted.
        total: the number at the end, if it is known.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        yield ProgressCounter(bar, description, total)
