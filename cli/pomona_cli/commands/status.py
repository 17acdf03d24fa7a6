"""`pomona status`."""

from typing import TYPE_CHECKING

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.stream import print_json

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


@stack_command
def status(stack: "Stack", json: Json = False) -> None:
    """Show the table, alarms, pending keys, the run in flight, refits, the last runs, failed batches, erasures."""
    from pomona_cli.status.status import read_status
    from pomona_cli.status.text import print_status

    found = read_status(stack)
    if json:
        print_json([found.document()])
    else:
        print_status(found)
