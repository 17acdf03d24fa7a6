"""`pomona refit`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import CliError
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import format_duration

if TYPE_CHECKING:
    from pomona_cli.runs.refit_now import RefitAnswer
    from pomona_cli.stack.stack import Stack

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the refit, or one that is running, has ended.")]


@stack_command
def refit(stack: "Stack", wait: Wait = False, json: Json = False) -> None:
    """Start a refit now, unless nothing has changed since the last one, or one is running."""
    from pomona_cli.runs.refit_now import invoke_refit

    answer = invoke_refit(stack)
    if not json:
        _print_answer(answer)
    ended = _wait(stack, answer.run_to_wait_for) if wait and answer.run_to_wait_for else {}
    if json:
        print_json([{**vars(answer), **ended}])
    elif ended:
        note = f"had nothing to fit: {ended['nothing_to_fit']}" if ended["nothing_to_fit"] else "succeeded"
        took = f" after {format_duration(ended['seconds'])}" if ended["seconds"] is not None else ""
        print_line(f"{ended['name']} {note}{took}.")
        if ended["report"] and not ended["nothing_to_fit"]:
            print_line(f"The report is {ended['report']}; `pomona report --open` shows it.")


def _print_answer(answer: "RefitAnswer") -> None:
    if answer.run_id:
        print_line(f"The refit was started as run {answer.run_id}. `pomona status` shows how it is.")
    else:
        print_line(f"No refit was started: {answer.reason}.")


def _wait(stack: "Stack", run_id: str) -> dict[str, Any]:
    """Wait for the run and return what became of it; CliError if it failed."""
    from pomona_cli.runs.history import RunHistory
    from pomona_cli.runs.refit_now import wait_for_refit
    from pomona_cli.status.refit_state import read_nothing_to_fit, report_address

    with on_interrupt(lambda: "The refit continues; `pomona status` shows how it is."):
        ended = wait_for_refit(stack, run_id, lambda name, state: print_message(f"{name}: {state}"))
    if ended.state != "SUCCESS":
        reason = ended.details or "the reason is not known"
        raise CliError(f"{ended.name} ended as {ended.state}: {reason}. See `pomona logs {ended.name}`.")
    nothing = read_nothing_to_fit(stack)
    return {
        **vars(ended),
        "nothing_to_fit": nothing.reason if nothing else None,
        "report": report_address(stack.lake_bucket, RunHistory(stack).last_refit()),
    }
