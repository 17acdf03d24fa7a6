"""How a status, runs and failed batches are shown to people."""

from pomona_cli.erasures import erased
from pomona_cli.run_history import LastRefit, Run
from pomona_cli.status import Status
from pomona_cli.terminal import counted, duration, moment, show, show_table
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.documents.failure_pause import FailurePause


def print_status(status: Status) -> None:
    """For people; times are UTC."""
    show(f"{status.stack} at {moment(status.at)} UTC")
    if status.events:
        show(f"events     {counted(status.events, 'event')} on the way into the queue")
    for alarm in status.alarms or ():
        show(f"alarm      {alarm.name} is on since {moment(alarm.since)}: {alarm.reason} What to do: {alarm.runbook}")
    show(_pending_line(status))
    show(_in_flight_line(status))
    if status.line.is_paused(status.at):
        show(_paused_line(status.line))
    show(_refit_line(status.last_refit))
    if status.runs:
        show_runs("The last run" if len(status.runs) == 1 else f"The last {len(status.runs)} runs", status.runs)
    if status.failed:
        show_failed(status.failed, status.more_failed)
    for erasure in status.erasures:
        show(f"erasure    {erasure.id} of {erased(erasure)} is open since {moment(erasure.open_since)}: not final yet")


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
    if status.problem:
        return f"in flight  unknown: {status.problem} Nothing is launched until you run `pomona repair`."
    if flying is None:
        return "in flight  nothing"
    claim = flying.claim
    since = f" for {duration((status.at - flying.started_at).total_seconds())}" if flying.started_at else ""
    details = f" ({flying.details})" if flying.details else ""
    batch = f"batch {claim.batch_id}, attempt {claim.attempt}, {_keys_in(claim.keys, len(claim.segments))}"
    return f"in flight  {batch}: {flying.state}{since}{details}"


def _paused_line(line: FailurePause) -> str:
    return (
        f"paused     until {moment(line.paused_until)} UTC: {len(line.failed)} batches failed in a row, "
        f"the last because {line.reason}. Once it is mended, `pomona resume` goes on at once."
    )


def _refit_line(refit: LastRefit | None) -> str:
    if refit is None:
        return "last refit none yet"
    latest = refit.latest
    told = [f"{name} {latest[name]}" for name in ("rows", "components") if name in latest]
    told += [f"variance {latest['variance']:.3f}"] if "variance" in latest else []
    return f"last refit snapshot {latest['snapshot_id']}: {', '.join([*told, *_refit_cost(refit.run)])}"


def _refit_cost(run: Run | None) -> list[str]:
    if run is None or run.billed is None:
        return ["cost unknown"]
    return [f"took {duration(run.seconds)}", f"{_vcpu_hours(run)} vCPU-hours", f"cost {_cost(run)}"]


def show_runs(title: str, runs: list[Run]) -> None:
    """Show a table of runs, and why those that failed did."""
    columns = ("batch", "attempt", "state", "started (UTC)", "took", "keys", "images", "vCPU-hours", "cost")
    show_table(title, columns, [_run_row(run) for run in runs])
    for run in runs:
        if run.details and run.state != "SUCCESS":
            attempt = f", attempt {run.attempt}" if run.attempt else ""
            show(f"{run.batch}{attempt}: {run.details}")


def _run_row(run: Run) -> tuple[object, ...]:
    return (
        run.batch,
        run.attempt,
        run.state,
        moment(run.started_at),
        duration(run.seconds),
        run.keys,
        ", ".join(f"{count} {name}" for name, count in run.images.items() if count),
        _vcpu_hours(run),
        _cost(run),
    )


def _vcpu_hours(run: Run) -> str | None:
    return None if run.billed is None else f"{run.billed.vcpu_hours:.3f}"


def _cost(run: Run) -> str:
    return "unknown" if run.cost is None else f"{run.cost:.4f} {run.currency}"


def show_failed(batches: list[FailedBatch], more: int) -> None:
    """A table of batches that failed for good, and how to go on."""
    columns = ("failed batch", "keys", "attempts", "failed (UTC)", "reason")
    rows = [(one.batch_id, one.keys, one.attempts, moment(one.failed_at), one.reason) for one in batches]
    show_table("Batches that failed for good", columns, rows)
    show(
        (f"and {counted(more, 'older one')}. " if more else "")
        + "Look with `pomona logs BATCH`, put back with `pomona retry BATCH`, let go with `pomona discard BATCH`."
    )
