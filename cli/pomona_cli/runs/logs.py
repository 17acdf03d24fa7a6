"""What the runs of a batch wrote to CloudWatch Logs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from pomona_cli.errors import CliError
from pomona_cli.stack.stack import Stack
from pomona_contract.run_names import FEATURIZE_PREFIX, REFIT_PREFIX, RunName
from pomona_contract.times import iso
from pomona_intake.errors import code_of

_STREAMS_PER_REQUEST = 100  # of FilterLogEvents
_LONGEST_EXPRESS_RUN = timedelta(minutes=15)  # longer than the function may take, and than Lambda keeps its event


@dataclass(frozen=True)
class LogEvent:
    """A line in the log of a run."""

    at: datetime
    stream: str
    message: str

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        return {"at": iso(self.at), "stream": self.stream, "message": self.message}


def log_events(stack: Stack, batch: str, attempt: int | None) -> Iterator[LogEvent]:
    """Yield the lines that the runs of a batch wrote, in the order of time.

    Args:
        stack: the stack.
        batch: the id of a batch, or the name of a refit.
        attempt: only the run of this attempt.

    Raises:
        CliError: no such run has written a log, or the stack sends no logs to CloudWatch.
    """
    group = stack.settings.log_group_name
    if not group:
        raise CliError(
            "The stack sends no logs of its runs to CloudWatch: open the run in the console of EMR Serverless."
        )
    logs = stack.client("logs")
    express = _express_events(stack, logs, batch, attempt)
    yield from express
    streams = _streams(logs, group, batch, attempt)
    if not streams and not express:
        which = f"attempt {attempt} at {batch}" if attempt else batch
        raise CliError(f"No run of {which} has written to {group}: `pomona runs` lists the batches that ran.")
    for start in range(0, len(streams), _STREAMS_PER_REQUEST):
        yield from _events(logs, group, streams[start : start + _STREAMS_PER_REQUEST])


def _express_events(stack: Stack, logs: Any, batch: str, attempt: int | None) -> list[LogEvent]:  # noqa: ANN401
    """Return the lines of the batch's run on the express lane: those of the function that name the run."""
    group, began_at = stack.outputs.get("ExpressLogGroupName"), RunName(batch, 1).began_at
    if not group or began_at is None or batch.startswith(REFIT_PREFIX) or attempt not in (None, 1):
        return []
    run = str(RunName(batch, 1))  # the cluster makes every other attempt
    within = {"startTime": _milliseconds(began_at), "endTime": _milliseconds(began_at + _LONGEST_EXPRESS_RUN)}
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern=f'"{run}"', **within)
    return [event for event in _read(pages) if run in event.message]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _streams(logs: Any, group: str, batch: str, attempt: int | None) -> list[str]:  # noqa: ANN401 - boto3's clients
    """Return the runs' log streams: EMR Serverless puts the name of the run before the name of each stream."""
    run = batch if batch.startswith(REFIT_PREFIX) else f"{FEATURIZE_PREFIX}{batch}-"
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix=run)
    try:
        found = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return []
        raise
    return [name for name in found if attempt is None or re.match(rf"{attempt}\b", name.removeprefix(run))]


def _events(logs: Any, group: str, streams: list[str]) -> Iterator[LogEvent]:  # noqa: ANN401
    yield from _read(logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=streams))


def _read(pages: Iterable[dict[str, Any]]) -> Iterator[LogEvent]:
    for page in pages:
        for event in page["events"]:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield LogEvent(at, event["logStreamName"], event["message"].rstrip("\n"))
