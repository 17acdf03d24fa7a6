"""How runs are shown to people."""

from pomona_cli.output.tables import print_table
from pomona_cli.output.text import format_duration, format_time
from pomona_cli.output.wrapping import print_wrapped
from pomona_cli.runs.cost_so_far import CostSoFar
from pomona_cli.runs.run import Run
from pomona_contract.lanes import Lane
from pomona_contract.prices import amount_text

_COLUMNS = ("batch", "attempt", "state", "started (UTC)", "took", "keys", "images", "vCPU-hours", "cost")


def print_runs(title: str, runs: list[Run]) -> None:
    """Print a table of runs, and below it why runs failed."""
    print_table(title, _COLUMNS, [_row(run) for run in runs])
    for run in runs:
        if reason := _failure(run):
            print_wrapped(reason, indent=2)


def _failure(run: Run) -> str:
    """Return why a run failed or was cancelled, empty for another run."""
    name = f"{run.batch}, attempt {run.attempt}" if run.attempt else run.batch
    if run.state == "FAILED":
        return f"{name} failed: {run.details or f'the reason is not known; see `pomona logs {run.batch}`.'}"
    return f"{name}: {run.details}" if run.details and run.state != "SUCCESS" else ""


def _row(run: Run) -> tuple[object, ...]:
    return (
        run.batch,
        run.attempt,
        f"{run.state} (express)" if run.lane is Lane.EXPRESS else run.state,
        format_time(run.started_at),
        format_duration(run.seconds),
        run.keys,
        ", ".join(f"{count} {name}" for name, count in {**run.images, "deferred": run.deferred}.items() if count),
        format_vcpu_hours(run),
        format_cost(run),
    )


def format_vcpu_hours(run: Run) -> str | None:
    """Return the billed vCPU-hours, None if they are not known yet."""
    return None if run.billed is None else f"{run.billed.vcpu_hours:.3f}"


def format_cost(run: Run) -> str:
    """Return the cost with its currency."""
    return "unknown" if run.cost is None else f"{amount_text(run.cost)} {run.currency}"


def format_cost_so_far(cost: CostSoFar) -> str:
    """Return an estimate of the cost of a run that has not ended."""
    return f"{'at least' if cost.is_least else 'about'} {amount_text(cost.cost)} {cost.currency} so far"
