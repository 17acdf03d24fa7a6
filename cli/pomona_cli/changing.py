"""The commands that change what is stored: backfill, erase."""

from datetime import datetime
from typing import Annotated

import typer

from pomona_cli import erase as erasing
from pomona_cli.backfill import Backfill, disagreeing_keys, write
from pomona_cli.commands import TIME_FORMS, Json, Prefix, interruptible, on_a_stack, utc
from pomona_cli.confirming import confirmed
from pomona_cli.keys_file import read_keys
from pomona_cli.stack import Stack
from pomona_cli.terminal import counted, counted_are, progress, say, shortened, show, show_json

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]


@on_a_stack
def backfill(
    stack: Stack,
    prefix: Prefix = "",
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Objects modified then or later (UTC), and what only the table has.", parser=utc, metavar=TIME_FORMS
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Puts every key into the queue that the bucket lists or the table has.

    That finds what was there before the stack, and what a lost event or an outage left behind: runs compute what is
    new or has changed, leave the rest alone, and delete the rows of objects that are gone.
    """
    found = Backfill()
    again = "or more are in the queue; start it again to mark all."
    with interruptible(lambda: f"{counted(found.marked, 'key')} {again}"):
        _fill(stack, prefix, since, dry_run, found)
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
    _warn(subject, found)
    if dry_run or not (yes or confirmed("Delete them for good?", "Nothing was deleted.")):
        return
    erased = erasing.Erased()
    again = "Start it again with the same prefix or file: it goes on. Until then `pomona status` shows it."
    with interruptible(lambda: f"{counted(erased.versions, 'version')} or more are deleted. {again}"):
        with progress("versions deleted", found.versions) as counter:
            erasure = erasing.erase(stack, subject, counter.add, erased)
        stack.look_at_the_queue()
    if json:
        show_json([{**erasure.document(), **vars(erased)}])
    else:
        _tell_when(stack, erasure.id, erased)


def _tell_what(stack: Stack, subject: erasing.Subject, found: erasing.Found) -> None:
    objects = f"{counted(found.objects, 'object')} ({counted(found.versions, 'version')})"
    say(f"{subject} in {stack.images_bucket}: {objects}, {counted(found.rows, 'row')}.")
    for key in found.examples:
        say(f"  {shortened(key)}")
    if found.objects > len(found.examples):
        say("  ...")


def _warn(subject: erasing.Subject, found: erasing.Found) -> None:
    """A name with a slip in it would be erased with success, and the person's images would stay."""
    if not found.objects and not found.rows:
        say(f"Nothing of {subject} is in the bucket or the table: look for a slip in it.")
    elif found.unknown:
        say(f"{counted_are(found.unknown, 'key')} neither in the bucket nor in the table: look for a slip.")


def _tell_when(stack: Stack, erasure: str, erased: erasing.Erased) -> None:
    done = f"{counted_are(erased.versions, 'version')} deleted, {counted_are(erased.marked, 'key')} in the queue"
    show(
        f"Erasure {erasure} is open: {done}. It is final when the run that takes them has removed the rows and the "
        f"older snapshots. {_when_it_starts(stack.settings.launch_after_minutes)} `pomona status` shows it until then."
    )


def _when_it_starts(minutes: int) -> str:
    if not minutes:
        return "The run starts now, or as soon as the batch in flight is done."
    return f"The run starts within {counted(minutes, 'minute')}, or as soon after as the batch in flight is done."
