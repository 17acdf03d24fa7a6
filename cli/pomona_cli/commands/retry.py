"""`pomona retry`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.failed_batches import choose_failed_batches
from pomona_cli.commands.options import EveryFailedBatch, FailedBatchId, Json, Prefix, Reason
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import UsageError
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_json, print_line
from pomona_cli.output.text import plural, plural_with_verb

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

Errors = Annotated[
    bool, typer.Option("--errors", help="The images that could not be read; --prefix and --reason narrow them.")
]


@stack_command
def retry(
    stack: "Stack",
    batch: FailedBatchId = None,
    every: EveryFailedBatch = False,
    errors: Errors = False,
    prefix: Prefix = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Put a failed batch, or the images that could not be read (--errors), back into the queue."""
    if errors and (batch or every):
        raise UsageError("Name either a BATCH or --all, or --errors.")
    if (prefix or reason) and not errors:
        raise UsageError("--prefix and --reason need --errors; a batch is retried as a whole.")
    if errors:
        _retry_errors(stack, prefix, reason, json)
    else:
        _retry_batches(stack, choose_failed_batches(stack, batch, every), json)


def _retry_batches(stack: "Stack", batches: list[str], json: bool) -> None:
    with on_interrupt(
        lambda: "Each batch is either still failed or back in the queue; run the command again for the rest."
    ):
        for batch in batches:
            segments = stack.failed.retry(batch)
            if json:
                print_json([{"batch_id": batch, "segments": segments}])
            else:
                print_line(f"{batch} is back in the queue, in {plural(len(segments), 'segment')}.")
    if batches:
        stack.invoke_advance()
    elif not json:
        print_line("No batch has failed.")


def _retry_errors(stack: "Stack", prefix: str, reason: str, json: bool) -> None:
    """Mark the keys of the rows with an error dirty: the next run reads their objects again."""
    from pomona_cli.queue.marking import mark_dirty
    from pomona_cli.table.error_rows import ErrorRows
    from pomona_cli.table.reader import key_prefix_filter, open_table
    from pomona_contract.segments import cluster_request

    found = ErrorRows(open_table(stack), key_prefix_filter(prefix, stack.images_bucket), reason)
    written: list[int] = []
    with on_interrupt(
        lambda: f"{plural(sum(written), 'key')} or more are in the queue; run the command again for all."
    ):
        written.extend(mark_dirty(stack.segments, stack.images_bucket, found.keys(), cluster_request("errors")))
    if written:
        stack.invoke_advance()
    if json:
        print_json([{"marked": sum(written), "segments": len(written)}])
    elif written:
        print_line(f"{plural_with_verb(sum(written), 'key')} in the queue, in {plural(len(written), 'segment')}.")
    else:
        print_line("No image has such an error." if prefix or reason else "Every image could be read.")
