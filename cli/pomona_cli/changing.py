"""The commands that change something: backfill, retry, erase."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from pomona_cli import erase as erasing
from pomona_cli.backfill import Backfill, disagreeing_keys, write
from pomona_cli.commands import Json, Prefix, interruptible, on_a_stack
from pomona_cli.errors import CliError
from pomona_cli.keys_file import read_keys
from pomona_cli.queue_reading import failed_batch_ids
from pomona_cli.stack import Stack
from pomona_cli.terminal import progress, say, show, show_json

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]


@on_a_stack
def backfill(
    stack: Stack,
    prefix: Prefix = "",
    since: Annotated[
        datetime | None,
        typer.Option(help="Objects modified then or later (UTC), and what only the table has.", formats=_DATES),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Puts every key into the queue that the bucket lists or the table has.

    That finds what was there before the stack, and what a lost event or an outage left behind: runs compute what is
    new or has changed, leave the rest alone, and delete the rows of objects that are gone.
    """
    found = Backfill()
    with interruptible(lambda: f"{found.marked} keys or more are in the queue; start it again to mark all."):
        _fill(stack, prefix, since and since.replace(tzinfo=UTC), dry_run, found)
    if json:
        show_json([{**vars(found), "dry_run": dry_run}])
    else:
        show(found.sentence(dry_run))


def _fill(stack: Stack, prefix: str, since: datetime | None, dry_run: bool, found: Backfill) -> None:
    with progress("keys looked at") as counter:
        keys = disagreeing_keys(stack, prefix, since, found, counter.add)
        if dry_run:
            found.marked = sum(1 for _ in keys)
        else:
            write(stack, keys, found)
    if not dry_run and found.marked:
        stack.look_at_the_queue()


@on_a_stack
def retry(
    stack: Stack,
    batch: Annotated[
        str | None, typer.Argument(metavar="[BATCH]", help="Id of a failed batch, as status shows it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every failed batch.")] = False,
    json: Json = False,
) -> None:
    """Puts the keys of a failed batch back into the queue."""
    if (batch is None) != every:
        raise CliError("Name either a BATCH or --all.")
    failed = failed_batch_ids(stack)
    if batch is not None and batch not in failed:
        raise CliError(f"There is no failed batch {batch!r}. Failed are: {', '.join(failed) or 'none'}.")
    chosen = [batch] if batch else failed
    with interruptible(lambda: "Each batch is either failed still or back in the queue; start it again for the rest."):
        for one in chosen:
            _retry(stack, one, json)
    if chosen:
        stack.look_at_the_queue()
    elif not json:
        show("No batch has failed.")


def _retry(stack: Stack, batch: str, json: bool) -> None:
    segments = stack.queue.retry(batch)
    if json:
        show_json([{"batch_id": batch, "segments": segments}])
    else:
        show(f"{batch} is back in the queue, in {len(segments)} segments.")


@on_a_stack
def erase(
    stack: Stack,
    prefix: Annotated[str | None, typer.Argument(metavar="[PREFIX]", help="Every key that begins with this.")] = None,
    keys_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The keys in this file (- is stdin): one a line, or JSON lines (.jsonl)."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erases images for good (GDPR, article 17): objects with all versions, rows, and what snapshots hold of them.

    The objects go at once, the rows with the next run, and what older snapshots hold of them with it; `status` shows
    the erasure as open until then.
    """
    subject = erasing.subject_of(prefix, None if keys_from is None else read_keys(keys_from))
    with progress("versions found") as counter:
        found = erasing.count(stack, subject, counter.add)
    if json and dry_run:
        show_json([vars(found)])
    else:
        _tell_what(stack, subject, found)
    if dry_run or not (yes or _confirmed()):
        return
    erased = erasing.Erased()
    again = "Start it again with the same prefix or file: it goes on. Until then `pomona status` shows it."
    with interruptible(lambda: f"{erased.versions} versions or more are deleted. {again}"):
        with progress("versions deleted", found.versions) as counter:
            erasure = erasing.erase(stack, subject, counter.add, erased)
        stack.look_at_the_queue()
    if json:
        show_json([{**erasure.document(), **vars(erased)}])
    else:
        _tell_when(stack, erasure.id, erased)


def _tell_what(stack: Stack, subject: erasing.Subject, found: erasing.Found) -> None:
    say(f"{subject} in {stack.images_bucket}: {found.objects} objects ({found.versions} versions), {found.rows} rows.")
    for key in found.examples:
        say(f"  {key}")
    if found.objects > len(found.examples):
        say("  ...")


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CliError("Nobody can be asked here: pass --yes. Nothing was deleted.")
    if typer.confirm("Delete them for good?", err=True):
        return True
    say("Nothing was deleted.")
    return False


def _tell_when(stack: Stack, erasure: str, erased: erasing.Erased) -> None:
    minutes = stack.settings.launch_after_minutes
    show(
        f"Erasure {erasure} is open: {erased.versions} versions are deleted, {erased.marked} keys are in the queue. "
        f"It is final when the run that takes them has removed the rows and the older snapshots: the run starts when "
        f"the batch in flight is done, at the latest {minutes} minutes after. `pomona status` shows it until then."
    )
