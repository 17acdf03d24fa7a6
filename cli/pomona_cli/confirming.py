"""Asking before something is done that cannot be undone."""

import sys

import typer

from pomona_cli.entry import INTERRUPTED
from pomona_cli.errors import CliError
from pomona_cli.terminal import say


def confirmed(question: str, nothing_done: str) -> bool:
    """Ask the operator and return the answer.

    Args:
        nothing_done: the sentence for a no, an interruption, and a place where nobody can be asked.

    Raises:
        CliError: stdin is no terminal.
    """
    if not sys.stdin.isatty():
        raise CliError(f"Nobody can be asked here: pass --yes. {nothing_done}")
    try:
        if typer.confirm(question, err=True):
            return True
    except typer.Abort:  # Ctrl-C, or Ctrl-D; the cursor stands behind the question
        say(f"\nInterrupted. {nothing_done}")
        raise typer.Exit(INTERRUPTED) from None
    say(nothing_done)
    return False
