"""Options that several commands have."""

from datetime import UTC, datetime
from typing import Annotated

import typer

Prefix = Annotated[str, typer.Option("--prefix", help="Only keys that begin with this.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Only errors whose reason contains this text.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Show this many at most.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite FILE without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]
FailedBatchId = Annotated[
    str | None, typer.Argument(metavar="BATCH", help="Id of a failed batch, as `status` shows it.")
]
EveryFailedBatch = Annotated[bool, typer.Option("--all", help="Every failed batch.")]
TIME_FORMATS = "YYYY-MM-DD[THH:MM:SS]"


def parse_utc(text: str) -> datetime:
    """Return a point in time that an operator typed; it is UTC unless it has another offset.

    Raises:
        typer.BadParameter: the text is no time.
    """
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC).") from None
