"""The commands that put the queue right: retry, discard, resume, repair."""

from typing import Annotated

import typer

from pomona_cli.commands import Json, Prefix, Reason, interruptible, on_a_stack
from pomona_cli.confirming import confirmed
from pomona_cli.error_rows import ErrorRows
from pomona_cli.errors import CliError
from pomona_cli.queue_writing import mark_dirty
from pomona_cli.stack import Stack
from pomona_cli.table import open_table, prefixed
from pomona_cli.terminal import counted, counted_are, say, shortened, show, show_json
from pomona_contract.errors import FormatError
from pomona_contract.times import now
from pomona_intake.queue.claim_repair import problem_of_the_claim, set_claim_aside

Batch = Annotated[str | None, typer.Argument(metavar="[BATCH]", help="Id of a failed batch, as status shows it.")]
Every = Annotated[bool, typer.Option("--all", help="Every failed batch.")]
Errors = Annotated[bool, typer.Option("--errors", help="The images that could not be read; see --prefix, --reason.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@on_a_stack
def retry(
    stack: Stack,
    batch: Batch = None,
    every: Every = False,
    errors: Errors = False,
    prefix: Prefix = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Puts a failed batch, or the images that could not be read (--errors), back into the queue."""
    if errors and (batch or every):
        raise CliError("Name either a BATCH or --all, or --errors.")
    if (prefix or reason) and not errors:
        raise CliError("--prefix and --reason choose among the --errors; a batch is retried whole.")
    if errors:
        _retry_errors(stack, prefix, reason, json)
        return
    chosen = _chosen(stack, batch, every)
    with interruptible(lambda: "Each batch is either failed still or back in the queue; start it again for the rest."):
        for one in chosen:
            _retry(stack, one, json)
    if chosen:
        stack.look_at_the_queue()
    elif not json:
        show("No batch has failed.")


def _retry_errors(stack: Stack, prefix: str, reason: str, json: bool) -> None:
    """Mark the keys of the rows with an error dirty: the next run reads their objects again."""
    found = ErrorRows(open_table(stack), prefixed(prefix, stack.images_bucket), reason)
    written: list[int] = []
    with interruptible(lambda: f"{counted(sum(written), 'key')} or more are in the queue; start it again for all."):
        written.extend(mark_dirty(stack.segments, stack.images_bucket, found.keys(), "errors"))
    if written:
        stack.look_at_the_queue()
    if json:
        show_json([{"marked": sum(written), "segments": len(written)}])
    elif written:
        show(f"{counted_are(sum(written), 'key')} in the queue, in {counted(len(written), 'segment')}.")
    else:
        show("No image has such an error." if prefix or reason else "Every image could be read.")


def _chosen(stack: Stack, batch: str | None, every: bool) -> list[str]:
    if (batch is None) != every:
        raise CliError("Name either a BATCH or --all.")
    failed = stack.failed.ids()
    if batch is not None and batch not in failed:
        raise CliError(f"There is no failed batch {batch!r}. Failed are: {', '.join(failed) or 'none'}.")
    return [batch] if batch else failed


def _retry(stack: Stack, batch: str, json: bool) -> None:
    segments = stack.failed.retry(batch)
    if json:
        show_json([{"batch_id": batch, "segments": segments}])
    else:
        show(f"{batch} is back in the queue, in {counted(len(segments), 'segment')}.")


@on_a_stack
def discard(stack: Stack, batch: Batch = None, every: Every = False, yes: Yes = False, json: Json = False) -> None:
    """Deletes a failed batch. The rows of its keys stay as they are until the keys are marked again (`backfill`)."""
    chosen = _chosen(stack, batch, every)
    for one in chosen:
        _tell_what(stack, one)
    if chosen and not (yes or confirmed("Discard their keys for good?", "Nothing was discarded.")):
        return
    with interruptible(lambda: "Each batch is either failed still or discarded; start it again for the rest."):
        for one in chosen:
            stack.failed.discard(one)
    if json:
        show_json([{"batch_id": one} for one in chosen])
    else:
        show(f"{', '.join(chosen)}: discarded." if chosen else "No batch has failed.")


def _tell_what(stack: Stack, batch: str) -> None:
    found = stack.failed.read(batch)
    if found is not None:
        say(f"{batch}: {counted(found.keys, 'key')}, failed because {shortened(found.reason, 400)}")


@on_a_stack
def resume(stack: Stack, json: Json = False) -> None:
    """Ends a pause of the line, and the waiting of the batch in flight: for whoever has mended what failed."""
    try:
        stack.queue.resume()
    except FormatError as error:
        raise CliError(f"{error} Run `pomona repair`.") from error
    stack.look_at_the_queue()
    if json:
        show_json([{"resumed": True}])
    else:
        show("Nothing waits any longer: what is due starts now.")


@on_a_stack
def repair(stack: Stack, yes: Yes = False, json: Json = False) -> None:
    """Sets the document of the batch in flight aside if it cannot be read; its keys are in the queue and run again.

    A run of that batch that is still in flight publishes nothing; cancel it to save what it would cost.
    """
    problem = problem_of_the_claim(stack.lake)
    if problem:
        say(problem)
        if not (yes or confirmed("Set it aside and launch its keys anew?", "Nothing was changed.")):
            return
    name = set_claim_aside(stack.lake, now()) if problem else ""
    if name:
        stack.look_at_the_queue()
    if json:
        show_json([{"problem": problem, "set_aside": name}])
    else:
        show(f"It lies in {name} now." if name else "The batch in flight can be read: there is nothing to repair.")
