"""What the runs of a batch wrote to CloudWatch Logs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pomona_cli.errors import CliError
from pomona_cli.stack.stack import Stack
from pomona_contract.run_names import FEATURIZE_PREFIX, REFIT_PREFIX
from pomona_contract.times import iso
from pomona_intake.errors import code_of

_STREAMS_PER_REQUEST = 100  # of FilterLogEvents


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
    streams = _streams(logs, group, batch, attempt)
    if not streams:
        which = f"attempt {attempt} at {batch}" if attempt else batch
        raise CliError(f"No run of {which} has written to {group}: `pomona runs` lists the batches that ran.")
    for start in range(0, len(streams), _STREAMS_PER_REQUEST):
        yield from _events(logs, group, streams[start : start + _STREAMS_PER_REQUEST])


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
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=streams)
    for page in pages:
        for event in page["events"]:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield LogEvent(at, event["logStreamName"], event["message"].rstrip("\n"))
