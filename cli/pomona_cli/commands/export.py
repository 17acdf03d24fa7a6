"""`pomona export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Force, Prefix
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.errors import UsageError
from pomona_cli.output.confirmation import may_overwrite
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_message
from pomona_cli.output.text import plural
from pomona_cli.table.choices import ExportFormat

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

Target = Annotated[str, typer.Argument(metavar="FILE", help="FILE.parquet, FILE.csv or FILE.csv.gz; - is stdout.")]
Format = Annotated[
    ExportFormat | None, typer.Option("--format", help="Format of a file whose name does not end in it.")
]
Label = Annotated[str | None, typer.Option(help="Only images with this label, the name of their folder.")]


@stack_command
def export(
    stack: "Stack",
    target: Target,
    file_format: Format = None,
    label: Label = None,
    prefix: Prefix = "",
    force: Force = False,
) -> None:
    """Write the current table to a file: Parquet as it is, or CSV with the features as columns f0, f1, ..."""
    from pomona_cli.output.progress import progress
    from pomona_cli.table.export import write_rows
    from pomona_cli.table.reader import key_prefix_filter, label_filter, open_table

    chosen = file_format or _format_of(target)
    table = open_table(stack)
    if not (force or may_overwrite(target)):
        return
    where = label_filter(key_prefix_filter(prefix, stack.images_bucket), label)
    with on_interrupt(lambda: f"{target} was not written; run the command again."), progress("rows") as counter:
        rows = write_rows(table, where, target, chosen, counter.add)
    filters = [f"the label {label!r}"] if label is not None else []
    filters += [f"a key that begins with {prefix!r}"] if prefix else []
    if rows or not filters:
        print_message(f"{plural(rows, 'row')} in {target}")
    else:
        print_message(f"No row has {' and '.join(filters)}: {target} has no rows.")


def _format_of(target: str) -> ExportFormat:
    found = next((one for one in ExportFormat if Path(target).name.endswith(f".{one}")), None)
    if found is None:
        raise UsageError(f"{target} does not end in .parquet, .csv or .csv.gz: name the format with --format.")
    return found
