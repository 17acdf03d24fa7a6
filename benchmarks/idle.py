"""What a stack asks of AWS while nothing happens, counted: the scheduled functions run against a server of their own.

The functions are the deployed code with botocore's clients; the server knows a table whose rows are all in the last
result, and an empty queue. A request that an idle stack should not make is an error here, not a zero.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.places import ROOT, BenchError
from benchmarks.template import variables
from pomona_contract.documents import latest_results
from pomona_contract.lake_layout import LATEST_RESULTS

CLOCK_MINUTES = 5
LOOKS_OF_AN_HOUR = 60 // CLOCK_MINUTES
HOURS_OF_A_DAY = 24
GET, LIST, GLUE, EMR = "S3 GET", "S3 LIST", "Glue", "EMR Serverless"
INVOCATION = ROOT / "benchmarks" / "tasks" / "invocation.py"
_SNAPSHOT = {
    "snapshot-id": 7,
    "timestamp-ms": 1_795_000_000_000,
    "summary": {"operation": "append", "total-records": "5"},
}
_METADATA = "warehouse/pomona.db/features/metadata/00001.metadata.json"
_OBJECTS = {
    LATEST_RESULTS: latest_results.FORMAT.versioned({"snapshot_id": 7}),
    _METADATA: {"format-version": 2, "current-snapshot-id": 7, "snapshots": [_SNAPSHOT]},
}
_TABLE = {"Table": {"Name": "features", "Parameters": {"metadata_location": f"s3://lake/{_METADATA}"}}}
_NO_KEY = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
_NO_KEYS = "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"


@dataclass(frozen=True)
class Asked:
    """What the calls of one function asked of AWS, by kind of request, and the names of the metrics they wrote."""

    requests: Counter[str] = field(default_factory=Counter)
    metrics: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Idle:
    """What an idle stack does: in an hour by the clock, and in a day by the daily schedules."""

    hour: Asked
    day: Asked

    def month(self, kind: str, hours: int) -> float:
        """Return how many requests of a kind there are in so many hours."""
        return hours * self.hour.requests[kind] + hours / HOURS_OF_A_DAY * self.day.requests[kind]

    @property
    def metrics(self) -> float:
        """How many metrics are billed: one that is written in an hour a day counts a 24th."""
        return len(self.hour.metrics) + len(self.day.metrics - self.hour.metrics) / HOURS_OF_A_DAY


def count_idle() -> Idle:
    """Return what the functions of this source tree ask for and measure; BenchError if one fails or does more."""
    refit, maintain = ask("refit", "refit-schedule"), ask("maintain", "maintain-schedule")
    day = Asked(refit.requests + maintain.requests, refit.metrics | maintain.metrics)
    return Idle(ask("advance", "advance-clock", LOOKS_OF_AN_HOUR), day)


def ask(function: str, event: str, times: int = 1) -> Asked:
    """Call a function some times in one process, as a warm Lambda does, and return what the calls asked for."""
    with _serving() as (endpoint, requests):
        command: list[str | Path] = [
            sys.executable,
            "-B",
            INVOCATION,
            ROOT / "functions",
            function,
            ROOT / "events" / f"{event}.json",
        ]
        done = subprocess.run(
            [*command, str(times)], env=_environment(endpoint), capture_output=True, text=True, check=False
        )
    unknown = sorted(request for request in requests if request not in (GET, LIST, GLUE, EMR))
    if done.returncode or unknown:
        raise BenchError(f"{function} is not idle: {', '.join(unknown) or done.stderr[-800:]}")
    return Asked(requests, frozenset(_metrics(done.stdout)))


def _metrics(stdout: str) -> Iterator[str]:
    for line in stdout.splitlines():
        if line.startswith('{"_aws"'):
            for group in json.loads(line)["_aws"]["CloudWatchMetrics"]:
                yield from (metric["Name"] for metric in group["Metrics"])


def _environment(endpoint: str) -> dict[str, str]:
    """Return the template's variables and nothing of this process but where its packages are."""
    credentials = {"AWS_ACCESS_KEY_ID": "idle", "AWS_SECRET_ACCESS_KEY": "idle", "AWS_DEFAULT_REGION": "eu-west-3"}
    place = {
        "AWS_ENDPOINT_URL": endpoint,
        "POWERTOOLS_SERVICE_NAME": "pomona",
        "POWERTOOLS_METRICS_NAMESPACE": "Pomona",
        "NO_PROXY": "127.0.0.1",
    }
    return variables() | credentials | place | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "contract")}


@contextmanager
def _serving() -> Iterator[tuple[str, Counter[str]]]:
    """Serve an idle AWS on the loopback address; gives its endpoint, and the requests as they are counted."""
    requests: Counter[str] = Counter()

    class Handler(_Handler):
        counted = requests

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """S3 by path, EMR Serverless and Glue at one address, for what an idle stack asks."""

    counted: Counter[str]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        key = place.path.partition("/")[2].partition("/")[2]
        if place.path.startswith("/applications/"):
            self._answer(EMR, json.dumps({"jobRuns": []}))
        elif "list-type" in parse_qs(place.query):
            self._answer(LIST, _NO_KEYS)
        elif key in _OBJECTS:
            self._answer(GET, json.dumps(_OBJECTS[key]))
        else:
            self._answer(GET, _NO_KEY, 404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") == "AWSGlue.GetTable":
            self._answer(GLUE, json.dumps(_TABLE))
        else:
            self._refuse()

    def do_PUT(self) -> None:
        self._refuse()

    def do_DELETE(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        self.close_connection = True  # the body was not read
        self._answer(f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')}".strip(), "", 400)

    def _answer(self, kind: str, body: str, status: int = 200) -> None:
        self.counted[kind] += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("ETag", '"etag"')
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 (the base class's names)
        """Say nothing of each request."""
