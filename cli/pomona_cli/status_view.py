"""How a status, runs and failed batches are shown to people."""

from typing import Any

from intake.documents import FailedBatch
from pomona_cli.run_history import Run
from pomona_cli.status import Status
from pomona_cli.terminal import counted, duration, moment, show, show_table


def print_status(status: Status) -> None:
    """For people; times are UTC."""
    show(f"{status.stack} at {moment(status.at)} UTC")
    if status.events:
        show(f"events     {counted(status.events, 'event')} on the way into the queue")
    for alarm in status.alarms or ():
        show(f"alarm      {alarm.name} is on since {moment(alarm.since)}: {alarm.reason} What to do: {alarm.runbook}")
    show(_pending_line(status))
    show(_in_flight_line(status))
    show(_refit_line(status.last_refit))
    if status.runs:
        show_runs("The last run" if len(status.runs) == 1 else f"The last {len(status.runs)} runs", status.runs)
    if status.failed:
        show_failed(status.failed, status.more_failed)
    for erasure in status.erasures:
        show(f"erasure    {erasure.id} of {erasure.subject} is open since {moment(erasure.open_since)}: not final yet")


def _pending_line(status: Status) -> str:
    waiting = status.pending
    if not waiting.segments:
        return "pending    nothing"
    age = duration(status.oldest_seconds)
    return f"pending    {_keys_in(waiting.keys, waiting.segments)}, the oldest for {age}"


def _keys_in(keys: int, segments: int) -> str:
    return f"{counted(keys, 'key')} in {counted(segments, 'segment')}"


def _in_flight_line(status: Status) -> str:
    flying = status.in_flight
    if flying is None:
        return "in flight  nothing"
    claim = flying.claim
    since = f" for {duration((status.at - flying.started_at).total_seconds())}" if flying.started_at else ""
    details = f" ({flying.details})" if flying.details else ""
    batch = f"batch {claim.batch_id}, attempt {claim.attempt}, {_keys_in(claim.keys, len(claim.segments))}"
    return f"in flight  {batch}: {flying.state}{since}{details}"


def _refit_line(latest: dict[str, Any] | None) -> str:
    if latest is None:
        return "last refit none yet"
    told = ", ".join(f"{name} {latest[name]}" for name in ("rows", "components") if name in latest)
    variance = f", variance {latest['variance']:.3f}" if "variance" in latest else ""
    return f"last refit snapshot {latest['snapshot_id']}: {told}{variance}"


def show_runs(title: str, runs: list[Run]) -> None:
    """A table of runs."""
    columns = ("batch", "attempt", "state", "started (UTC)", "took", "keys", "images", "vCPU-hours", "cost")
    show_table(title, columns, [_run_row(run) for run in runs])


def _run_row(run: Run) -> tuple[object, ...]:
    images = ", ".join(f"{count} {name}" for name, count in run.images.items() if count)
    cost = "unknown" if run.cost is None else f"{run.cost:.4f} {run.currency}"
    vcpu = None if run.billed is None else f"{run.billed.vcpu_hours:.3f}"
    return (
        run.batch,
        run.attempt,
        run.state,
        moment(run.started_at),
        duration(run.seconds),
        run.keys,
        images,
        vcpu,
        cost,
    )


def show_failed(batches: list[FailedBatch], more: int) -> None:
    """A table of batches that failed for good, and how to go on."""
    columns = ("failed batch", "keys", "attempts", "failed (UTC)", "reason")
    rows = [(one.batch_id, len(one.keys), one.attempts, moment(one.failed_at), one.reason) for one in batches]
    show_table("Batches that failed for good", columns, rows)
    show(
        (f"and {counted(more, 'older one')}. " if more else "")
        + "Look with `pomona logs BATCH`, put back with `pomona retry BATCH`."
    )
