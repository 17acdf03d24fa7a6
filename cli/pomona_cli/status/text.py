"""The status as text for people; times are UTC."""

from pomona_cli.erasures.request import scope_text
from pomona_cli.output.tables import print_table
from pomona_cli.output.text import format_time, plural
from pomona_cli.output.wrapping import print_wrapped
from pomona_cli.runs.run_table import print_runs
from pomona_cli.status.queue_lines import queue_lines
from pomona_cli.status.refit_lines import refit_lines, table_line
from pomona_cli.status.status import StackStatus
from pomona_contract.documents.failed_batch import FailedBatch

_INDENT = 11  # the width of the names before the lines


def print_status(status: StackStatus) -> None:
    """Print the status, a line or a table for each part of it."""
    lines = [f"{status.stack} at {format_time(status.at)} UTC", table_line(status), *_warnings(status)]
    for line in [*lines, *queue_lines(status), *refit_lines(status)]:
        print_wrapped(line, _INDENT)
    if status.runs:
        print_runs("The last run" if len(status.runs) == 1 else f"The last {len(status.runs)} runs", status.runs)
    if status.failed:
        _print_failed(status.failed, status.more_failed)
    for erasure in status.erasures:
        since = format_time(erasure.open_since)
        line = f"erasure    {erasure.id} of {scope_text(erasure)} is open since {since}: not final yet"
        print_wrapped(line, _INDENT)


def _warnings(status: StackStatus) -> list[str]:
    lines = []
    for alarm in status.alarms or ():
        since = format_time(alarm.since)
        lines.append(f"alarm      {alarm.name} is on since {since}: {alarm.reason} What to do: {alarm.runbook}")
    if status.dead_letters:
        dead = plural(status.dead_letters, "message")
        lines.append(f"dead       {dead} that ingest did not accept. What to do: docs/operations.md#deadletteralarm")
    return lines


def _print_failed(batches: list[FailedBatch], more: int) -> None:
    columns = ("failed batch", "keys", "attempts", "failed (UTC)", "reason")
    rows = [(one.batch_id, one.keys, one.attempts, format_time(one.failed_at), one.reason) for one in batches]
    print_table("Batches that failed for good", columns, rows)
    older = f"and {plural(more, 'older one')}. " if more else ""
    print_wrapped(
        f"{older}`pomona logs BATCH` shows its logs, `pomona retry BATCH` puts it back into the queue, "
        "`pomona discard BATCH` deletes it.",
        indent=0,
    )
