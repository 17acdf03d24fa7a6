"""`pomona report`."""

import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Force
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import CliError, UsageError
from pomona_cli.output.confirmation import may_overwrite
from pomona_cli.output.files import STDOUT_TARGET, opened_for_writing
from pomona_cli.output.stream import print_message

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="Where to write it; - is stdout. Default: STACK-report.html."),
]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser; without --out in a temporary file.")]


@stack_command
def report(stack: "Stack", out: Out = None, show: Open = False, force: Force = False) -> None:
    """Get the report of the newest refit: one HTML file that needs no network."""
    from pomona_cli.runs.report import read_report

    if show and out == STDOUT_TARGET:
        raise UsageError("A browser shows no stdout: name a file with --out, or leave --open out.")
    found = read_report(stack)
    target = out or _default_target(stack.location.stack, show)
    if not (force or may_overwrite(target)):
        return
    with opened_for_writing(target) as file:
        file.write(found.page)
    print_message(f"The report of snapshot {found.snapshot_id} is in {target}")
    if show and not webbrowser.open(Path(target).resolve().as_uri()):
        raise CliError(f"No browser could be opened: open {target} yourself.")


def _default_target(stack: str, show: bool) -> str:
    """Return a file in the current folder; if it is only shown, in a temporary folder that the browser may read."""
    name = f"{stack}-report.html"
    return str(Path(tempfile.mkdtemp(prefix="pomona-"), name)) if show else name
