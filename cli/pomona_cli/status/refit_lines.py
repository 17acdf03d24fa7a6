"""The table and its refits as lines of text."""

from pomona_cli.output.text import format_duration, format_time, plural
from pomona_cli.runs.run import LastRefit, Run
from pomona_cli.runs.run_table import format_cost, format_cost_so_far, format_vcpu_hours
from pomona_cli.status.refit_schedule import RefitSchedule
from pomona_cli.status.refit_state import RefitInFlight
from pomona_cli.status.status import StackStatus
from pomona_cli.status.table_facts import RefitCounts
from pomona_contract.documents.nothing_to_fit import NothingToFit


def table_line(status: StackStatus) -> str:
    """Return how many images the table has now, and how many classes and errors it had at the last refit."""
    if status.table is None:
        images = "an unknown number of images: it needs glue:GetTable"
    else:
        images = f"{status.table.images:,} {'image' if status.table.images == 1 else 'images'}"
    old = _counts_text(status.counts) if status.counts else ""
    return f"table      {images}{f'; at the last refit {old}' if old else ''}"


def _counts_text(counts: RefitCounts) -> str:
    named = ((counts.images, "image"), (counts.errors, "error"), (counts.classes, "class"))
    return ", ".join(_counted(number, noun) for number, noun in named if number is not None)


def _counted(number: int, noun: str) -> str:
    plurals = {"class": "classes"}
    return f"{number:,} {noun if number == 1 else plurals.get(noun, f'{noun}s')}"


def refit_lines(status: StackStatus) -> list[str]:
    """Return a line each for the refit in flight, the last one, what it could not fit, the next one and the report."""
    lines = [_in_flight_line(status, status.refit)] if status.refit else []
    lines += [_last_line(status.last_refit)]
    lines += [_nothing_line(status.nothing_to_fit)] if status.nothing_to_fit else []
    lines += [_next_line(status, status.schedule)] if status.schedule else []
    return [*lines, f"report     {status.report} (`pomona report --open`)"] if status.report else lines


def _in_flight_line(status: StackStatus, refit: RefitInFlight) -> str:
    run = refit.run
    since = f" for {format_duration((status.at - run.started_at).total_seconds())}" if run.started_at else ""
    cost = f", {format_cost_so_far(refit.cost)}" if refit.cost else ""
    return f"refit      {run.name}: {run.state}{since}{cost}"


def _last_line(refit: LastRefit | None) -> str:
    if refit is None:
        return "last refit none yet"
    latest = refit.latest
    facts = [f"{name} {latest[name]}" for name in ("rows", "components") if name in latest]
    facts += [f"variance {latest['variance']:.3f}"] if "variance" in latest else []
    return f"last refit snapshot {latest['snapshot_id']}: {', '.join([*facts, *_cost_of(refit.run)])}"


def _cost_of(run: Run | None) -> list[str]:
    if run is None or run.billed is None:
        return ["cost unknown"]
    took = format_duration(run.seconds)
    return [f"took {took}", f"{format_vcpu_hours(run)} vCPU-hours", f"cost {format_cost(run)}"]


def _nothing_line(nothing: NothingToFit) -> str:
    backfill = f" {plural(nothing.stale, 'image')} of another backbone: run `pomona backfill`." if nothing.stale else ""
    at = format_time(nothing.found_at)
    return f"note       the refit at {at} had nothing to fit: {nothing.reason}.{backfill}"


def _next_line(status: StackStatus, schedule: RefitSchedule) -> str:
    if not schedule.is_enabled:
        return f"next refit never: the schedule {schedule.expression} is disabled"
    if schedule.next_at is None:
        return f"next refit by the schedule {schedule.expression}"
    within = format_duration((schedule.next_at - status.at).total_seconds())
    about = "about " if schedule.is_rate else ""
    return f"next refit {about}{format_time(schedule.next_at)}, in {within}: {_expectation(status)}"


def _expectation(status: StackStatus) -> str:
    if status.table and status.table.is_tiny:
        return "it starts when the table has 2 images"
    if status.needs_refit is None:
        return "it starts if rows or settings have changed"
    return "rows have changed" if status.needs_refit else "it starts if rows or settings change"
