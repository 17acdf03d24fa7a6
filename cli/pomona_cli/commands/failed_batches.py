"""The failed batches that an operator names, for `retry` and `discard`."""

from typing import TYPE_CHECKING

from pomona_cli.errors import CliError, UsageError

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack


def choose_failed_batches(stack: "Stack", batch: str | None, every: bool) -> list[str]:
    """Return the ids of the failed batches that are meant.

    Raises:
        UsageError: not exactly one of a batch and --all is given.
        CliError: there is no such failed batch.
    """
    if (batch is None) != every:
        raise UsageError("Name either a BATCH or --all.")
    failed = stack.failed.ids()
    if batch is not None and batch not in failed:
        raise CliError(f"There is no failed batch {batch!r}. Failed are: {', '.join(failed) or 'none'}.")
    return [batch] if batch else failed
