"""Questions before something is done that cannot be undone."""

import sys
from pathlib import Path

import typer

from pomona_cli.errors import CliError
from pomona_cli.exit_status import INTERRUPTED
from pomona_cli.output.stream import print_message


def may_overwrite(target: str) -> bool:
    """Return whether the target is no existing file, or the operator agrees to overwrite it."""
    if target == "-" or not Path(target).is_file():
        return True
    return confirm(f"{target} exists. Overwrite it?", f"{target} exists and was not overwritten.", "--force")


def confirm(question: str, nothing_done: str, skip_option: str = "--yes") -> bool:
    """Ask the operator and return the answer.

    Args:
        question: what is asked; the answer is yes or no.
        nothing_done: the sentence for a no, an interruption, and a stdin that is no terminal.
        skip_option: the command's option that skips the question.

    Raises:
        CliError: stdin is no terminal.
    """
    if not sys.stdin.isatty():
        raise CliError(f"stdin is no terminal, so the question cannot be asked: pass {skip_option}. {nothing_done}")
    try:
        if typer.confirm(question, err=True):
            return True
    except typer.Abort:  # Ctrl-C or Ctrl-D; the cursor is behind the question
        print_message("")
        print_message(f"Interrupted. {nothing_done}")
        raise typer.Exit(INTERRUPTED) from None
    print_message(nothing_done)
    return False
