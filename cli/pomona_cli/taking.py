"""The command that takes the table out: export."""

import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands import Prefix, interruptible, on_a_stack
from pomona_cli.errors import CliError
from pomona_cli.stack import Stack
from pomona_cli.table import open_table, prefixed
from pomona_cli.terminal import counted, progress, say

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression


class Kind(StrEnum):
    """What is written."""

    parquet = "parquet"
    csv = "csv"


@on_a_stack
def export(
    stack: Stack,
    target: Annotated[str, typer.Argument(metavar="FILE", help="FILE.parquet or FILE.csv; - is stdout.")],
    kind: Annotated[Kind | None, typer.Option("--format", help="If the file's name does not say it.")] = None,
    label: Annotated[str | None, typer.Option(help="Only images of this parent folder.")] = None,
    prefix: Prefix = "",
) -> None:
    """Writes the present table to a file: Parquet as it is, or CSV with the features as columns f0, f1, ..."""
    from pomona_cli.export import write_rows

    chosen = kind or _kind_of(target)
    with interruptible(lambda: f"Nothing was left in {target}; it can be started again."), progress("rows") as counter:
        rows = write_rows(open_table(stack), _where(stack, prefix, label), target, chosen, counter.add)
    say(f"{counted(rows, 'row')} in {target}")


def _kind_of(target: str) -> Kind:
    suffix = Path(target).suffix.removeprefix(".")
    if suffix not in Kind.__members__:
        raise CliError(f"{target} does not end in .parquet or .csv: say which with --format.")
    return Kind(suffix)


def _where(stack: Stack, prefix: str, label: str | None) -> "BooleanExpression":
    from pyiceberg.expressions import And, In

    where = prefixed(prefix, stack.images_bucket)
    if label is None:
        return where
    # rows of a release before labels were in NFC have them as their keys have
    return And(where, In("label", {label, *(unicodedata.normalize(form, label) for form in ("NFC", "NFD"))}))
