"""The status as text for people; times are UTC."""

from pomona_cli.erasures.request import scope_text
from pomona_cli.output.stream import print_line
from pomona_cli.output.tables import print_table
from pomona_cli.output.text import format_duration, format_time, plural
from pomona_cli.runs.run import LastRefit, Run
from pomona_cli.runs.run_table import format_cost, format_vcpu_hours, print_runs
from pomona_cli.status.status import StackStatus
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.documents.failure_pause import FailurePause


def print_status(status: StackStatus) -> None:
    """Print the status, a line or a table for each part of it."""
    print_line(f"{status.stack} at {format_time(status.at)} UTC")
    if status.events:
        print_line(f"events     {plural(status.events, 'event')} on the way into the queue")
    for alarm in status.alarms or ():
        since = format_time(alarm.since)
        print_line(f"alarm      {alarm.name} is on since {since}: {alarm.reason} What to do: {alarm.runbook}")
    print_line(_pending_line(status))
    print_line(_in_flight_line(status))
    if status.line.is_paused(status.at):
        print_line(_paused_line(status.line))
    print_line(_refit_line(status.last_refit))
    if status.runs:
        print_runs("The last run" if len(status.runs) == 1 else f"The last {len(status.runs)} runs", status.runs)
    if status.failed:
        _print_failed(status.failed, status.more_failed)
    for erasure in status.erasures:
        since = format_time(erasure.open_since)
        print_line(f"erasure    {erasure.id} of {scope_text(erasure)} is open since {since}: not final yet")


def _pending_line(status: StackStatus) -> str:
    pending = status.pending
    if not pending.segments:
        return "pending    nothing"
    age = format_duration(status.oldest_seconds)
    return f"pending    {_keys_in(pending.keys, pending.segments)}, the oldest for {age}"


def _keys_in(keys: int, segments: int) -> str:
    return f"{plural(keys, 'key')} in {plural(segments, 'segment')}"


def _in_flight_line(status: StackStatus) -> str:
    in_flight = status.in_flight
    if status.problem:
        return f"in flight  unknown: {status.problem} Nothing is launched until you run `pomona repair`."
    if in_flight is None:
        return "in flight  nothing"
    claim, started_at = in_flight.claim, in_flight.started_at
    since = f" for {format_duration((status.at - started_at).total_seconds())}" if started_at else ""
    details = f" ({in_flight.details})" if in_flight.details else ""
    batch = f"batch {claim.batch_id}, attempt {claim.attempt}, {_keys_in(claim.keys, len(claim.segments))}"
    return f"in flight  {batch}: {in_flight.state}{since}{details}"


def _paused_line(pause: FailurePause) -> str:
    return (
        f"paused     until {format_time(pause.paused_until)} UTC: {len(pause.failed)} batches failed in a row, "
        f"the last because {pause.reason}. When the cause is fixed, `pomona resume` ends the pause."
    )


def _refit_line(refit: LastRefit | None) -> str:
    if refit is None:
        return "last refit none yet"
    latest = refit.latest
    facts = [f"{name} {latest[name]}" for name in ("rows", "components") if name in latest]
    facts += [f"variance {latest['variance']:.3f}"] if "variance" in latest else []
    return f"last refit snapshot {latest['snapshot_id']}: {', '.join([*facts, *_refit_cost(refit.run)])}"


def _refit_cost(run: Run | None) -> list[str]:
    if run is None or run.billed is None:
        return ["cost unknown"]
    took = format_duration(run.seconds)
    return [f"took {took}", f"{format_vcpu_hours(run)} vCPU-hours", f"cost {format_cost(run)}"]


def _print_failed(batches: list[FailedBatch], more: int) -> None:
    columns = ("failed batch", "keys", "attempts", "failed (UTC)", "reason")
    rows = [(one.batch_id, one.keys, one.attempts, format_time(one.failed_at), one.reason) for one in batches]
    print_table("Batches that failed for good", columns, rows)
    older = f"and {plural(more, 'older one')}. " if more else ""
    print_line(
        f"{older}`pomona logs BATCH` shows its logs, `pomona retry BATCH` puts it back into the queue, "
        "`pomona discard BATCH` deletes it."
    )
