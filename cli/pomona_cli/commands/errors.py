"""`pomona errors`."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Json, Limit, Prefix, Reason
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import UsageError
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import format_time
from pomona_cli.table.choices import Grouping

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack
    from pomona_cli.table.error_rows import ErrorGroup

FURTHER_GROUPS = "(in further groups)"
TOP_LEVEL = "(no folder)"


@stack_command
def errors(
    stack: "Stack",
    prefix: Prefix = "",
    reason: Reason = "",
    by: Annotated[Grouping | None, typer.Option("--by", help="Count the errors instead of listing them.")] = None,
    limit: Limit = 100,
    csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV.")] = False,
    json: Json = False,
) -> None:
    """Show the images that could not be read, with the reason. The table has --limit of them; --csv and --json all."""
    from pomona_cli.table.error_rows import ErrorRows, error_share
    from pomona_cli.table.reader import key_prefix_filter, open_table

    if csv and json:
        raise UsageError("Name either --csv or --json.")
    table = open_table(stack)
    found = ErrorRows(table, key_prefix_filter(prefix, stack.images_bucket), reason)
    if by:
        _print_groups(found.groups(by), by, limit, csv, json, _nothing_found(prefix, reason))
    elif csv:
        found.write_csv()
    elif json:
        print_json(found.documents())
    else:
        _print_errors(list(islice(found.documents(), limit + 1)), limit, _nothing_found(prefix, reason))
    (print_message if csv or json else print_line)(error_share(table))


def _nothing_found(prefix: str, reason: str) -> str:
    """Return the sentence for filters that match no error."""
    filters = [f"below the prefix {prefix!r}"] if prefix else []
    filters += [f"with {reason!r} in its reason"] if reason else []
    return f"No image {' '.join(filters)} has an error." if filters else "Every image could be read."


def _print_errors(rows: list[dict[str, object]], limit: int, nothing_found: str) -> None:
    from pomona_cli.output.tables import print_table

    if not rows:
        print_line(nothing_found)
        return
    columns = ("key", "error", "bytes", "featurized (UTC)")
    shown = [(row["key"], row["error"], row["size"], format_time(row["featurized_at"])) for row in rows[:limit]]  # type: ignore[arg-type]
    print_table("Images that could not be read", columns, shown)
    if len(rows) > limit:
        print_line(
            f"There are more than {limit}: `pomona errors --csv` prints all, `pomona errors --by reason` counts them."
        )


def _print_groups(
    groups: list["ErrorGroup"], by: Grouping, limit: int, csv: bool, json: bool, nothing_found: str
) -> None:
    from pomona_cli.output.tables import print_table
    from pomona_cli.table.error_rows import write_groups_csv

    if json:
        print_json({by.value: group.name, "errors": group.errors, "example": group.example} for group in groups)
    elif csv:
        write_groups_csv(groups, by)
    elif not groups:
        print_line(nothing_found)
    else:
        names = [FURTHER_GROUPS if group.name is None else group.name or TOP_LEVEL for group in groups]
        rows = [(name, group.errors, group.example) for group, name in zip(groups, names, strict=True)]
        print_table(f"Errors by {by}", (by.value, "errors", "example"), rows[:limit])
        if len(rows) > limit:
            print_line(f"There are {len(rows)}: `pomona errors --by {by} --csv` prints all.")
