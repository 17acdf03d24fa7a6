"""Ctrl-C while a command works."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from pomona_cli.exit_status import INTERRUPTED
from pomona_cli.output.stream import print_message


@contextmanager
def on_interrupt(sentence: Callable[[], str]) -> Iterator[None]:
    """End the command on Ctrl-C with a sentence that says what was done until then."""
    try:
        yield
    except KeyboardInterrupt:
        print_message(f"Interrupted. {sentence()}")
        raise typer.Exit(INTERRUPTED) from None
