"""`pomona logs`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import UsageError
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import format_time

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


@stack_command
def logs(
    stack: "Stack",
    batch: Annotated[
        str, typer.Argument(metavar="BATCH", help="Id of a batch or name of a refit, as `runs` shows it.")
    ],
    attempt: Annotated[int | None, typer.Option(min=1, help="Only this attempt at the batch.")] = None,
    json: Json = False,
) -> None:
    """Show what the runs of a batch wrote to CloudWatch Logs."""
    from pomona_cli.runs.logs import log_events

    if not batch:
        raise UsageError("The name of the batch is empty: `pomona runs` lists the batches that ran.")
    found = log_events(stack, batch, attempt)
    if json:
        print_json(event.document() for event in found)
        return
    stream = None
    for event in found:
        if event.stream != stream:
            print_message(f"--- {event.stream}")
            stream = event.stream
        print_line(f"{format_time(event.at)} {event.message}")
