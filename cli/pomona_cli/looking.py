"""The commands that only look: status, runs, errors, logs."""

from itertools import islice
from typing import Annotated

import typer

from pomona_cli import error_rows, run_logs, status_view
from pomona_cli.commands import Json, Limit, Prefix, on_a_stack
from pomona_cli.errors import CliError
from pomona_cli.run_history import RunHistory
from pomona_cli.stack import Stack
from pomona_cli.status import look
from pomona_cli.table import open_table, prefixed
from pomona_cli.terminal import moment, say, show, show_json, show_table


@on_a_stack
def status(stack: Stack, json: Json = False) -> None:
    """What waits, what is in flight, the last runs and their cost, the last refit, failed batches, open erasures."""
    found = look(stack)
    if json:
        show_json([found.document()])
    else:
        status_view.print_status(found)


@on_a_stack
def runs(stack: Stack, limit: Limit = 20, json: Json = False) -> None:
    """The latest runs, featurize and refit: what they did, how long they took, what they cost."""
    found = RunHistory(stack).latest(limit)
    if json:
        show_json(run.document() for run in found)
    elif found:
        status_view.show_runs("Runs, newest first; times are UTC", found)
    else:
        show("There was no run yet.")


@on_a_stack
def errors(
    stack: Stack,
    prefix: Prefix = "",
    limit: Limit = 100,
    csv: Annotated[bool, typer.Option("--csv", help="All of them, as CSV.")] = False,
    json: Json = False,
) -> None:
    """The images that could not be read, and why. The table shows --limit of them; --csv and --json give all."""
    if csv and json:
        raise CliError("Name either --csv or --json.")
    table, where = open_table(stack), prefixed(prefix, stack.images_bucket)
    if csv:
        error_rows.write_csv(table, where)
    elif json:
        show_json(error_rows.documents(table, where))
    else:
        rows = list(islice(error_rows.documents(table, where), limit + 1))
        if rows:
            _show_errors(rows, limit)
        else:
            show(f"No image below the prefix {prefix!r} has an error." if prefix else "Every image could be read.")


def _show_errors(rows: list[dict[str, object]], limit: int) -> None:
    columns = ("key", "error", "bytes", "featurized (UTC)")
    told = [(row["key"], row["error"], row["size"], moment(row["featurized_at"])) for row in rows[:limit]]  # type: ignore[arg-type]
    show_table("Images that could not be read", columns, told)
    if len(rows) > limit:
        show(f"There are more than {limit}: `pomona errors --csv` gives all.")


@on_a_stack
def logs(
    stack: Stack,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="Id of a batch, or name of a refit, as runs shows it.")],
    attempt: Annotated[int | None, typer.Option(min=1, help="Only this attempt at the batch.")] = None,
    json: Json = False,
) -> None:
    """What the runs of a batch wrote, from CloudWatch Logs."""
    if not batch:
        raise CliError("The name of the batch is empty: `pomona runs` lists the batches that ran.")
    found = run_logs.log_events(stack, batch, attempt)
    if json:
        show_json(event.document() for event in found)
        return
    last = None
    for event in found:
        if event.stream != last:
            say(f"--- {event.stream}")
            last = event.stream
        show(f"{moment(event.at)} {event.message}")
