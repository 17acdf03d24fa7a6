"""Deliver log files to CloudWatch Logs with the permissions of the role whose process wrote them.

Lines in the embedded metric format become metrics too, as on AWS.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudwatch import emf
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.iam.enforcement import Gate
from embedded_aws.iam.policies import Call

_log = logging.getLogger(__name__)
_EVENTS_AT_ONCE = 5_000
_LONGEST_EVENT = 200_000
LAMBDA_ACTIONS = ("CreateLogStream", "PutLogEvents")
EMR_ACTIONS = ("DescribeLogGroups", "DescribeLogStreams", "CreateLogStream", "PutLogEvents")


@dataclass(frozen=True)
class LogStream:
    """A log stream, the role that writes to it, and the permissions that its platform requires of that role."""

    role_arn: str
    region: str
    group: str
    name: str
    actions: tuple[str, ...]

    def calls(self) -> Iterator[Call]:
        """Yield the calls that the platform makes to deliver."""
        for action in self.actions:
            group = "" if action == "DescribeLogGroups" else self.group
            stream = self.name if action in LAMBDA_ACTIONS else ""
            arn = f"arn:aws:logs:{self.region}:{ACCOUNT_ID}:log-group:{group}:log-stream:{stream}"
            yield Call(f"logs:{action}", arn)


class LogDelivery:
    """Delivers in the background, in order. Without the permissions nothing is delivered, as on AWS."""

    def __init__(self, clients: Clients, gate: Gate, clock: Clock) -> None:
        self._clients = clients
        self._gate = gate
        self._clock = clock
        self._offsets: dict[Path, int] = {}
        self._lock = threading.Lock()
        self._queue = ThreadPoolExecutor(1, "logs")

    def deliver(self, stream: LogStream, file: Path) -> None:
        """Put the lines that were added to the file since the last delivery into the stream."""
        with self._lock:
            begin = self._offsets.get(file, 0)
            with file.open("rb") as log:
                log.seek(begin)
                added = log.read().rpartition(b"\n")[0]
            self._offsets[file] = begin + len(added) + (1 if added else 0)
        if lines := added.decode("utf-8", "replace").splitlines():
            self._queue.submit(self._put, stream, lines)

    def wait(self) -> None:
        """Return when everything before this call has been delivered."""
        self._queue.submit(lambda: None).result()

    def _put(self, stream: LogStream, lines: list[str]) -> None:
        if self._gate.check(stream.role_arn, stream.calls()):
            return
        logs = self._clients("logs", stream.region)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line[:_LONGEST_EVENT]} for line in lines if line.strip()]
        for first in range(0, len(events), _EVENTS_AT_ONCE):
            some = events[first : first + _EVENTS_AT_ONCE]
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=some)
        for measured in (one for line in lines for one in emf.metrics_in(line)):
            self._put_metrics(measured, stream.region)

    def _put_metrics(self, measured: emf.EmbeddedMetrics, region: str) -> None:
        at = self._clock.shifted(measured.at)
        data = [{**datum, "Timestamp": at} for datum in measured.data]
        try:
            self._clients("cloudwatch", region).put_metric_data(Namespace=measured.namespace, MetricData=data)
        except ClientError as error:  # as on AWS, the line remains a log event
            _log.warning("metrics of %s were refused: %s", measured.namespace, error)
