"""`pomona backfill`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import TIME_FORMATS, DryRun, Json, Prefix, parse_utc
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_json, print_line
from pomona_cli.output.text import plural

if TYPE_CHECKING:
    from pomona_cli.queue.backfill import BackfillCounts
    from pomona_cli.stack.stack import Stack

Since = Annotated[
    datetime | None,
    typer.Option(
        help="Only objects modified then or later (UTC), and keys that only the table has.",
        parser=parse_utc,
        metavar=TIME_FORMATS,
    ),
]


@stack_command
def backfill(
    stack: "Stack", prefix: Prefix = "", since: Since = None, dry_run: DryRun = False, json: Json = False
) -> None:
    """Put every key into the queue that the bucket lists or the table has.

    This repairs what lost events and outages left behind, and adds the images that are older than the stack. Runs
    compute new and changed images, skip unchanged ones, and delete the rows of objects that are gone.
    """
    from pomona_cli.queue.backfill import BackfillCounts

    counts = BackfillCounts()
    rest = "or more are in the queue; run the command again to mark all."
    with on_interrupt(lambda: f"{plural(counts.marked, 'key')} {rest}"):
        _run(stack, prefix, since, dry_run, counts)
    if json:
        print_json([{**vars(counts), "dry_run": dry_run}])
    else:
        print_line(counts.summary(dry_run))


def _run(stack: "Stack", prefix: str, since: datetime | None, dry_run: bool, counts: "BackfillCounts") -> None:
    from pomona_cli.output.progress import progress
    from pomona_cli.queue.backfill import keys_to_mark, mark_keys

    with progress("keys compared") as counter:
        keys = keys_to_mark(stack, prefix, since, counts, counter.add)
        if dry_run:
            counts.marked = sum(1 for _ in keys)
        else:
            mark_keys(stack, keys, counts)
    if not dry_run and counts.marked:
        stack.invoke_advance()
