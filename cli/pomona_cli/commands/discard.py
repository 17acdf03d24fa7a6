"""`pomona discard`."""

from typing import TYPE_CHECKING

from pomona_cli.commands.failed_batches import choose_failed_batches
from pomona_cli.commands.options import EveryFailedBatch, FailedBatchId, Json, Yes
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.confirmation import confirm
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import plural, shorten

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

_REASON_LENGTH = 400  # characters


@stack_command
def discard(
    stack: "Stack",
    batch: FailedBatchId = None,
    every: EveryFailedBatch = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete a failed batch. The rows of its keys stay as they are until the keys are marked again (`backfill`)."""
    chosen = choose_failed_batches(stack, batch, every)
    for one in chosen:
        _print_batch(stack, one)
    if chosen and not (yes or confirm("Discard their keys for good?", "Nothing was discarded.")):
        return
    with on_interrupt(lambda: "Each batch is either still failed or discarded; run the command again for the rest."):
        for one in chosen:
            stack.failed.discard(one)
    if json:
        print_json([{"batch_id": one} for one in chosen])
    else:
        print_line(f"{', '.join(chosen)}: discarded." if chosen else "No batch has failed.")


def _print_batch(stack: "Stack", batch: str) -> None:
    found = stack.failed.read(batch)
    if found is not None:
        print_message(f"{batch}: {plural(found.keys, 'key')}, failed because {shorten(found.reason, _REASON_LENGTH)}")
