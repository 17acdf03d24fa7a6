"""The queue as lines of text: what is on the way, what waits, and the batch in flight."""

from pomona_cli.output.text import format_duration, format_time, plural
from pomona_cli.runs.run_table import format_cost_so_far
from pomona_cli.status.in_flight import InFlight
from pomona_cli.status.status import StackStatus
from pomona_contract.documents.failure_pause import FailurePause


def queue_lines(status: StackStatus) -> list[str]:
    """Return a line for each part of the queue."""
    lines = [f"events     {plural(status.events, 'event')} on the way into the queue"] if status.events else []
    lines += [_pending_line(status), _in_flight_line(status)]
    return [*lines, _paused_line(status.pause)] if status.pause.is_paused(status.at) else lines


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
    return f"in flight  {batch}: {in_flight.state}{since}{details}{_so_far(in_flight)}"


def _so_far(in_flight: InFlight) -> str:
    progress, cost = in_flight.progress, in_flight.cost
    done = f", {progress.done:,} of {progress.keys:,} keys done" if progress else ""
    return f"{done}, {format_cost_so_far(cost)}" if cost else done


def _paused_line(pause: FailurePause) -> str:
    return (
        f"paused     until {format_time(pause.paused_until)} UTC: {len(pause.failed)} batches failed in a row, "
        f"the last because {pause.reason}. When the cause is fixed, `pomona resume` ends the pause."
    )
