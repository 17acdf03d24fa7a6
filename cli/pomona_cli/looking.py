"""The commands that only look: status, runs, errors, logs."""

from itertools import islice
from typing import Annotated

import typer

from pomona_cli import run_logs, status_view
from pomona_cli.commands import Json, Limit, Prefix, Reason, on_a_stack
from pomona_cli.error_rows import ErrorRows, Group, Grouping, share, write_groups_csv
from pomona_cli.errors import CliError
from pomona_cli.run_history import RunHistory
from pomona_cli.stack import Stack
from pomona_cli.status import look
from pomona_cli.table import open_table, prefixed
from pomona_cli.terminal import moment, say, show, show_json, show_table

OTHERS = "(in further groups)"
TOP_LEVEL = "(no folder)"


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
    reason: Reason = "",
    by: Annotated[Grouping | None, typer.Option("--by", help="Count them by this instead of listing them.")] = None,
    limit: Limit = 100,
    csv: Annotated[bool, typer.Option("--csv", help="All of them, as CSV.")] = False,
    json: Json = False,
) -> None:
    """The images that could not be read, and why. The table shows --limit of them; --csv and --json give all."""
    if csv and json:
        raise CliError("Name either --csv or --json.")
    table = open_table(stack)
    found = ErrorRows(table, prefixed(prefix, stack.images_bucket), reason)
    if by:
        _tell_groups(found.groups(by), by, limit, csv, json)
    elif csv:
        found.write_csv()
    elif json:
        show_json(found.documents())
    else:
        _show_errors(list(islice(found.documents(), limit + 1)), limit, prefix, reason)
    (say if csv or json else show)(share(table))


def _show_errors(rows: list[dict[str, object]], limit: int, prefix: str, reason: str) -> None:
    if not rows:
        among = [f"below the prefix {prefix!r}"] if prefix else []
        among += [f"with {reason!r} in its reason"] if reason else []
        show(f"No image {' '.join([*among, 'has an error'])}." if among else "Every image could be read.")
        return
    columns = ("key", "error", "bytes", "featurized (UTC)")
    told = [(row["key"], row["error"], row["size"], moment(row["featurized_at"])) for row in rows[:limit]]  # type: ignore[arg-type]
    show_table("Images that could not be read", columns, told)
    if len(rows) > limit:
        show(f"There are more than {limit}: `pomona errors --csv` gives all, `pomona errors --by reason` counts them.")


def _tell_groups(groups: list[Group], by: Grouping, limit: int, csv: bool, json: bool) -> None:
    if json:
        show_json({by.value: group.name, "errors": group.errors, "example": group.example} for group in groups)
    elif csv:
        write_groups_csv(groups, by)
    else:
        names = [OTHERS if group.name is None else group.name or TOP_LEVEL for group in groups]
        rows = [(group.errors, name, group.example) for group, name in zip(groups, names, strict=True)]
        show_table(f"Errors by {by}", ("errors", by.value, "for example"), rows[:limit])
        if len(rows) > limit:
            show(f"There are {len(rows)}: `pomona errors --by {by} --csv` gives all.")


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
