"""`pomona resume`."""

from typing import TYPE_CHECKING

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import CliError
from pomona_cli.output.stream import print_json, print_line

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


@stack_command
def resume(stack: "Stack", json: Json = False) -> None:
    """End a pause of the queue, and the wait of the batch in flight, after the cause of the failures was fixed."""
    from pomona_contract.errors import FormatError

    try:
        stack.queue.resume()
    except FormatError as error:
        raise CliError(f"{error} Run `pomona repair`.") from error
    stack.invoke_advance()
    if json:
        print_json([{"resumed": True}])
    else:
        print_line("No batch waits any longer: a run that is due starts now.")
