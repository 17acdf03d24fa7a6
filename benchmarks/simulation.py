"""Keys by the million through the real queue code: events, segments, batches, runs; counted, and nothing lost.

S3 and EMR Serverless are the models that the queue's own tests use; ingest, advance and everything below them is the
code that is deployed. Time is simulated: a run takes what the measured rates say.
"""

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

from benchmarks.places import BenchError
from pomona_contract.lake_layout import CLAIM, PENDING_SEGMENTS
from pomona_contract.lanes import Lane
from pomona_intake.image_selection import ImageSelection
from pomona_intake.ingest.advance_trigger import AdvanceTrigger
from pomona_intake.ingest.ingestion import ingest
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings
from tests.model.aws import S3, EmrServerless

EVENTS_OF_A_BATCH = 3_500  # what 6 MB of messages hold
LISTED_AT_ONCE = 1_000
CLOCK = timedelta(minutes=5)
DUPLICATES, FAILED_RUNS, LOST_STATE_CHANGES = 0.01, 0.03, 0.05
SEED = 3
START = datetime(2026, 11, 21, 8, tzinfo=UTC)
LISTS, PUTS, GETS, DELETES = "LIST", "PUT", "GET", "DELETE"
CLASSES = {"list_objects_v2": LISTS, "put_object": PUTS, "get_object": GETS, "delete_object": DELETES}


@dataclass
class CountedS3:
    """The model of S3 as boto3's client, with a count of the requests that AWS would bill."""

    s3: S3
    requests: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    def get_paginator(self, operation: str) -> Any:  # noqa: ANN401 (boto3's clients have no static type)
        """Pages of a thousand names."""
        return SimpleNamespace(paginate=partial(self._pages, operation))

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Any]:  # noqa: ANN401
        answer = getattr(self.s3, operation)(**arguments)
        self.requests[LISTS] += max(1, -(-len(answer["Contents"]) // LISTED_AT_ONCE))
        yield answer

    def _call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        self.requests[CLASSES.get(operation, DELETES)] += 1
        return getattr(self.s3, operation)(**arguments)


@dataclass(frozen=True)
class Outcome:
    """What became of the keys."""

    keys: int
    events: int
    invocations: int
    segments: int
    batches: int
    failed_runs: int
    lost: int
    largest_batch: int
    longest_line: int
    """Segments pending at a time, at most."""
    seconds: float
    """Simulated, from the first event to the last settled batch."""
    requests: dict[str, int]
    """Of the queue to S3, by kind; those of the images are not among them."""


@dataclass(frozen=True)
class _Lambda:
    """Lambda's client: an asynchronous invocation comes at once."""

    advance: Callable[[], None]

    def invoke(self, **_arguments: str) -> None:
        self.advance()


class Simulation:
    """One world; `run` lets it live until nothing is left to do."""

    def __init__(self, settings: Settings, run_seconds: Callable[[int], float]) -> None:
        self._settings = replace(settings, express_keys=0)  # a load that the cluster takes anyway
        self._run_seconds = run_seconds
        self._random = random.Random(SEED)
        self._now = START
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count()
        self._s3 = CountedS3(S3())
        self._emr = EmrServerless({settings.application_id})
        self._steps: Counter[str] = Counter()
        self._events = self._invocations = self._segments = 0
        self._largest_batch = self._longest_line = 0
        self._settled: set[str] = set()

    def run(self, keys: int, per_second: float) -> Outcome:
        """Events of so many keys, `per_second` of them arriving; some twice, in any order among their neighbours."""
        numbers = list(range(keys)) + self._random.sample(range(keys), round(keys * DUPLICATES))
        self._random.shuffle(numbers)
        for first in range(0, len(numbers), EVENTS_OF_A_BATCH):
            arrived = START + timedelta(seconds=first / per_second)
            self._at(arrived, partial(self._ingest, numbers[first : first + EVENTS_OF_A_BATCH]))
        self._at(START + CLOCK, self._tick)
        while self._agenda:
            self._now, _, act = heapq.heappop(self._agenda)
            act()
        return self._outcome(keys)

    def _at(self, moment: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    def _queue(self) -> Queue:
        lake, runs = self._lake(), {Lane.CLUSTER: EmrClient(self._emr)}  # type: ignore[arg-type]
        failed = FailedBatches(lake, self._writer(), self._clock, self._new_id)
        line = FailurePauseStore(lake, self._settings.retry_after, print)
        return Queue(
            lake, runs, failed, line, self._settings, self._report, self._clock, self._new_id, self._random.random
        )

    def _lake(self) -> Lake:
        return Lake(self._s3, "lake", copies_at_once=1)  # type: ignore[arg-type]

    def _writer(self) -> SegmentWriter:
        return SegmentWriter(self._lake(), self._report, self._clock)

    def _clock(self) -> datetime:
        return self._now

    def _new_id(self) -> str:
        return f"{next(self._numbers):08x}"

    def _report(self, step: Activity) -> None:
        self._steps[step.done] += 1
        if step.done == "started":
            self._begin(step.details.removeprefix("run "))

    def _ingest(self, numbers: list[int]) -> None:
        self._events += len(numbers)
        self._invocations += 1
        records = [{"messageId": str(number), "body": _message(number)} for number in numbers]
        request = f"request-{next(self._numbers)}"
        ingested = ingest({"Records": records}, self._writer(), "images", ImageSelection(), request, self._now)
        self._segments += ingested.segments
        AdvanceTrigger(self._lake(), _Lambda(self._advance), "advance").invoke_unless_in_flight()  # type: ignore[arg-type]

    def _advance(self) -> None:
        self._longest_line = max(
            self._longest_line, sum(name.startswith(PENDING_SEGMENTS) for name in self._s3.s3.objects)
        )
        self._queue().advance()

    def _tick(self) -> None:
        self._advance()
        if self._agenda or CLAIM in self._s3.s3.objects or self._pending():
            self._at(self._now + CLOCK, self._tick)

    def _begin(self, run_id: str) -> None:
        """What the run would read, it reads; it ends when the measured rates say."""
        claim = json.loads(self._s3.get_object(Bucket="lake", Key=CLAIM)["Body"].read())
        bodies = [self._s3.get_object(Bucket="lake", Key=one["name"])["Body"].read() for one in claim["segments"]]
        keys = {json.loads(line)["key"] for body in bodies for line in body.splitlines()}
        self._largest_batch = max(self._largest_batch, len(keys))
        succeeds = self._random.random() >= FAILED_RUNS
        self._at(
            self._now + timedelta(seconds=self._run_seconds(len(keys))), partial(self._end, run_id, keys, succeeds)
        )

    def _end(self, run_id: str, keys: set[str], succeeds: bool) -> None:
        self._emr.begin(run_id)
        self._emr.end(run_id, "SUCCESS" if succeeds else "FAILED")
        self._steps["failed runs"] += not succeeds
        if succeeds:
            self._settled |= keys
        if self._random.random() >= LOST_STATE_CHANGES:
            self._advance()

    def _pending(self) -> bool:
        return any(name.startswith(PENDING_SEGMENTS) for name in self._s3.s3.objects)

    def _outcome(self, keys: int) -> Outcome:
        lost = keys - len(self._settled)
        if lost or self._s3.s3.objects:
            raise BenchError(f"{lost} of {keys} keys were lost; left in the lake: {list(self._s3.s3.objects)[:3]}")
        return Outcome(
            keys=keys,
            events=self._events,
            invocations=self._invocations,
            segments=self._segments,
            batches=self._steps["claimed"],
            failed_runs=self._steps["failed runs"],
            lost=lost,
            largest_batch=self._largest_batch,
            longest_line=self._longest_line,
            seconds=(self._now - START).total_seconds(),
            requests=dict(self._s3.requests),
        )


def _message(number: int) -> str:
    s3 = {"bucket": {"name": "images"}, "object": {"key": f"class-{number % 100:02d}/{number:08d}.jpg"}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]})
