"""`pomona repair`."""

from typing import TYPE_CHECKING

from pomona_cli.commands.options import Json, Yes
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.confirmation import confirm
from pomona_cli.output.stream import print_json, print_line, print_message

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


@stack_command
def repair(stack: "Stack", yes: Yes = False, json: Json = False) -> None:
    """Set the document of the batch in flight aside if it cannot be read; its keys are in the queue and run again.

    A run of that batch that is still in flight publishes nothing; cancel it to save its cost.
    """
    from pomona_contract.times import now
    from pomona_intake.queue.claim_repair import problem_of_the_claim, set_claim_aside

    problem = problem_of_the_claim(stack.lake)
    if problem:
        print_message(problem)
        if not (yes or confirm("Set queue/active.json aside and launch its keys again?", "Nothing was changed.")):
            return
    name = set_claim_aside(stack.lake, now()) if problem else ""
    if name:
        stack.invoke_advance()
    if json:
        print_json([{"problem": problem, "set_aside": name}])
    else:
        print_line(
            f"queue/active.json was moved to {name}." if name else "The batch in flight can be read: nothing to repair."
        )
