"""`pomona runs`."""

from typing import TYPE_CHECKING

from pomona_cli.commands.options import Json, Limit
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.stream import print_json, print_line

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


@stack_command
def runs(stack: "Stack", limit: Limit = 20, json: Json = False) -> None:
    """Show the latest runs, featurize and refit: their result, duration and cost, and why runs failed."""
    from pomona_cli.runs.history import RunHistory
    from pomona_cli.runs.run_table import print_runs

    found = RunHistory(stack).latest(limit)
    if json:
        print_json(run.document() for run in found)
    elif found:
        print_runs("Runs, newest first; times are UTC", found)
    else:
        print_line("There was no run yet.")
