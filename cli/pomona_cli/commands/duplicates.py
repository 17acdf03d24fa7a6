"""`pomona duplicates`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Force, Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import UsageError
from pomona_cli.output.confirmation import may_overwrite
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import plural

if TYPE_CHECKING:
    from pomona_cli.duplicates.copies import Copies, LookAlikes
    from pomona_cli.stack.stack import Stack

Threshold = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Images with this similarity or more are near-copies.")
]
Groups = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Show this many groups at most.")]


@stack_command
def duplicates(
    stack: "Stack",
    threshold: Threshold = 0.99,
    limit: Groups = 20,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all groups to a CSV file; - is stdout.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show groups of copies: the same content by etag and size, or nearly the same picture; and which one to keep.

    --limit groups are shown; --csv and --json have all. Nothing is deleted.
    """
    from pomona_cli.duplicates.copies import find_copies
    from pomona_cli.duplicates.output import print_groups, write_csv
    from pomona_cli.table.reader import key_prefix_filter, open_table

    if csv and json:
        raise UsageError("Name either --csv or --json.")
    table = open_table(stack)
    if csv and not (force or may_overwrite(csv)):
        return
    alike, compared_until = _look_alikes(stack, threshold)
    found = find_copies(table, key_prefix_filter("", stack.images_bucket), alike, compared_until, threshold)
    if csv:
        write_csv(found, csv)
    elif json:
        print_json(
            {"group": number, "images": [image.document() for image in group]} for number, group in enumerate(found, 1)
        )
    else:
        print_groups(found, limit)
    (print_message if csv or json else print_line)(_summary(found, limit if not (csv or json) else len(found)))


def _look_alikes(stack: "Stack", threshold: float) -> tuple["LookAlikes | None", datetime | None]:
    """Return the near-copies of the last refit, and when its snapshot was committed; say so if there are none."""
    from pomona.identify.stored_results import NoResultsError, StoredResults
    from pomona_cli.duplicates.copies import LookAlikes
    from pomona_cli.output.progress import progress

    try:
        stored = StoredResults.newest(stack.s3, stack.lake_bucket)
    except NoResultsError as error:
        print_message(f"Only exact copies are found. {error}")
        return None, None
    index = stored.neighbours()
    if index is None:
        print_message("Only exact copies are found: the table is too large for an index of similar images.")
        return None, None
    with progress("images compared", len(index)) as counter:
        alike = LookAlikes.found_in(index, threshold, counter.add)
    committed = stored.latest.committed_at
    return alike, datetime.fromisoformat(committed) if committed else None


def _summary(found: "Copies", shown: int) -> str:
    if not len(found):
        return "No image is a copy of another."
    more = f" The first {shown} are shown; --csv FILE writes all." if len(found) > shown else ""
    images = sum(len(rows) for rows in found.groups)
    return f"{plural(len(found), 'group')} with {plural(images, 'image')}.{more}"
