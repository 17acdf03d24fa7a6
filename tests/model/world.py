"""The whole intake in one process: a bucket, its events, the real queue, runs, a table, and what must hold of them."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from benchmarks.template import template_settings
from pomona_contract.errors import PomonaError
from pomona_contract.lake_layout import FAILED_BATCHES
from pomona_contract.lanes import Lane
from pomona_intake.image_selection import ImageSelection
from pomona_intake.ingest.advance_trigger import AdvanceTrigger
from pomona_intake.ingest.ingestion import ingest
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.express_client import ExpressClient
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings
from tests.model.actors import Actor, CrashError, Fate
from tests.model.aws import S3, EmrServerless
from tests.model.express import ExpressRun
from tests.model.featurize import Run, Table

MAX_RECEIVES = 3


class ViolationError(AssertionError):
    """Something that must always hold does not."""


def settings(application: str = "app-1", **changes: str) -> Settings:
    """Small numbers, so that every limit is met."""
    small = {"LAUNCH_AT_KEYS": "2", "MAX_KEYS_PER_RUN": "2", "MAX_ATTEMPTS": "2", "EXPRESS_KEYS": "0"}
    return template_settings(**small | {"APPLICATION_ID": application} | changes)


class World:
    """Everything outside the queue, under the test's control; `check` says whether the invariants hold."""

    def __init__(self, **changes: str) -> None:
        self.now = datetime(2026, 11, 21, 8, tzinfo=UTC)
        self._changes = changes
        self.settings = settings(**changes)
        self.bucket: dict[str, int] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.dead_letters: list[str] = []
        self.lake = S3()
        self.emr = EmrServerless({"app-1"})
        self.table = Table()
        self.runs: dict[str, Run] = {}
        self.express: list[ExpressRun] = []
        self.actors: list[Actor] = []
        self.wakes = 0
        self._count = 0

    def put(self, key: str) -> None:
        """Write an object, new or over another, and let S3 tell of it."""
        self.bucket[key] = self._next()
        self._tell(key, "ObjectCreated:Put")

    def remove(self, key: str) -> None:
        """Delete an object and let S3 tell of it."""
        self.bucket.pop(key, None)
        self._tell(key, "ObjectRemoved:Delete")

    def send(self, body: str) -> None:
        """Put any message into SQS."""
        self.messages[f"message-{self._next()}"] = {"body": body, "received": 0}

    def deliver(self, message_ids: Iterable[str] | None = None) -> Actor:
        """Hand messages to an invocation of ingest, whoever else may have them; all of them if none are named."""
        taken = [name for name in (message_ids or list(self.messages)) if name in self.messages]
        for name in taken:
            self.messages[name]["received"] += 1
        event = {"Records": [{"messageId": name, "body": self.messages[name]["body"]} for name in taken]}
        return self._act(lambda actor: self._ingest(actor, event))

    def advance(self) -> Actor:
        """An invocation of advance, whatever called it."""
        return self._act(lambda actor: self._queue(actor).advance())

    def retry(self, batch_id: str) -> Actor:
        """An operator puts a failed batch back."""
        return self._act(lambda actor: self._failed(actor).retry(batch_id))

    def resume(self) -> Actor:
        """An operator has mended what failed, and does not wait."""
        return self._act(lambda actor: self._queue(actor).resume())

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes = b"") -> None:
        """Lambda's API: an asynchronous invocation, which comes when the test lets it come."""
        assert InvocationType == "Event"
        if FunctionName == "express":
            self.invoke_express(json.loads(Payload))
        else:
            assert FunctionName == "advance"
            self.wakes += 1

    def invoke_express(self, event: dict[str, Any]) -> ExpressRun:
        """An invocation of the function `express`; Lambda may deliver an event twice."""
        self.express.append(ExpressRun(event, self.lake, self.table, self.bucket, lambda: self.now))
        return self.express[-1]

    def pass_time(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def deploy(self, **changes: str) -> None:
        """A deployment that replaces the application: its runs are gone, though their processes may go on."""
        application = f"app-{self._next()}"
        self.settings = settings(application, **self._changes | changes)
        self.emr.applications = {application}

    def give_up(self, run_id: str, state: str, zombie: bool) -> None:
        """EMR Serverless says that a run has ended, or knows it no more; the process of a zombie goes on."""
        if state == "gone":
            self.emr.gone.add(run_id)
        self.emr.end(run_id, "FAILED" if state == "gone" else state)
        self.processes()
        self.runs[run_id].over = not zombie

    def everything_that_runs(self) -> list[Run | ExpressRun]:
        """The processes of both lanes that have not ended."""
        return [*self.processes(), *(run for run in self.express if not run.over)]

    def processes(self) -> list[Run]:
        """The processes of runs of the cluster that have not ended, known to EMR Serverless or not."""
        for run_id in self.emr.runs:
            if run_id not in self.runs:
                self.runs[run_id] = Run(run_id, self.lake, self.emr, self.table, self.bucket)
        return [run for run in self.runs.values() if not run.over]

    def acknowledge(self) -> None:
        """Delete from SQS what finished invocations of ingest have answered for, and forget all finished ones."""
        for actor in [actor for actor in self.actors if actor.finished]:
            self.actors.remove(actor)
            _raise_unexpected(actor.error)
            if isinstance(actor.result, list) and actor.error is None:
                for name in actor.result:
                    self.messages.pop(name, None)
        for name in [name for name, message in self.messages.items() if message["received"] >= MAX_RECEIVES]:
            if "Records" not in self.messages[name]["body"]:
                self.dead_letters.append(self.messages.pop(name)["body"])

    def check(self) -> None:
        """Raise ViolationError if an invariant does not hold."""
        self.acknowledge()
        self.processes()
        if lost := self.dirty() - self.accounted():
            raise ViolationError(f"lost: {lost}")
        if self.table.doubled:
            raise ViolationError(f"two rows of one key: {self.table.doubled}")
        if len(set(self.table.bases)) < len(self.table.bases):
            raise ViolationError(f"two runs published on one snapshot: {self.table.bases}")
        if len(self.emr.alive()) > 1:
            raise ViolationError(f"more than one run in flight: {self.emr.alive()}")
        self._check_claim()

    def drain(self) -> None:
        """Nothing happens any more and all goes well: after a bounded number of ticks every event is reflected."""
        self._finish_all()
        for _ in range(60 + len(self.segments())):  # a batch may be a single segment
            if self._is_drained():
                return
            self._tick()
        raise ViolationError(f"stalled: dirty {self.dirty()}, lake {sorted(self.lake.objects)}, {self.messages}")

    def dirty(self) -> set[str]:
        """Keys whose row does not agree with the bucket."""
        keys = self.bucket.keys() | self.table.rows.keys()
        return {key for key in keys if self.bucket.get(key) != self.table.rows.get(key)}

    def accounted(self) -> set[str]:
        """Keys that a message, a segment or a failed batch still names."""
        told = {message["key"] for message in self.messages.values() if "key" in message}
        pending = {json.loads(line)["key"] for body in self._documents("queue/pending/") for line in body.splitlines()}
        failed = {
            json.loads(line)["key"] for body in self._documents(FAILED_BATCHES, ".jsonl") for line in body.splitlines()
        }
        return told | pending | failed

    def failed(self) -> list[str]:
        """Ids of the batches that have failed for good."""
        return sorted(
            {
                name.removeprefix(FAILED_BATCHES).partition("/")[0]
                for name in self.lake.objects
                if FAILED_BATCHES in name
            }
        )

    def segments(self) -> list[str]:
        """Names of the pending segments."""
        return sorted(name for name in self.lake.objects if name.startswith("queue/pending/"))

    def claim(self) -> dict[str, Any] | None:
        """The batch in flight."""
        return json.loads(self.lake.objects.get("queue/active.json", b"null"))

    def close(self) -> None:
        """End every process."""
        for actor in self.actors:
            while not actor.finished:
                actor.crash()

    def _tell(self, key: str, name: str) -> None:
        s3 = {"bucket": {"name": "images"}, "object": {"key": quote_plus(key)}}
        body = json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": s3}]})
        self.messages[f"message-{self._next()}"] = {"body": body, "received": 0, "key": key}

    def _act(self, work: Any) -> Actor:
        actor = Actor(work)
        self.actors.append(actor)
        return actor

    def _ingest(self, actor: Actor, event: dict[str, Any]) -> list[str]:
        """The names of the messages that SQS may forget."""
        lake = self._lake(actor)
        writer = SegmentWriter(lake, lambda step: None, lambda: self.now)
        answer = ingest(event, writer, "images", ImageSelection(), f"request-{self._next()}", self.now).answer
        with suppress(Exception):
            AdvanceTrigger(lake, actor.client(self), "advance").invoke_unless_in_flight()
        kept = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        return [record["messageId"] for record in event["Records"] if record["messageId"] not in kept]

    def _queue(self, actor: Actor) -> Queue:
        pauses = FailurePauseStore(self._lake(actor), self.settings.retry_after, lambda sentence: None)
        return Queue(
            lake=self._lake(actor),
            runs={Lane.CLUSTER: EmrClient(actor.client(self.emr)), Lane.EXPRESS: self._express_client(actor)},
            failed=self._failed(actor),
            pauses=pauses,
            settings=self.settings,
            report=lambda step: None,
            clock=lambda: self.now,
            new_id=self._new_id,
            chance=lambda: 0.5,
        )

    def _express_client(self, actor: Actor) -> ExpressClient:
        longest = self.settings.express_longest
        return ExpressClient(self._lake(actor), actor.client(self), "express", longest, lambda: self.now)

    def _failed(self, actor: Actor) -> FailedBatches:
        lake = self._lake(actor)
        writer = SegmentWriter(lake, lambda step: None, lambda: self.now)
        return FailedBatches(lake, writer, lambda: self.now, self._new_id)

    def _lake(self, actor: Actor) -> Lake:
        return Lake(actor.client(self.lake), "lake", copies_at_once=1)

    def _new_id(self) -> str:
        return f"{self._next():08x}"

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _documents(self, prefix: str, ending: str = "") -> list[bytes]:
        return [body for name, body in self.lake.objects.items() if name.startswith(prefix) and name.endswith(ending)]

    def _check_claim(self) -> None:
        claim = self.claim()
        if claim and claim["run_id"] and claim["lane"] == Lane.CLUSTER:
            run = self.runs[claim["run_id"]]
            if run.attempt != (claim["batch_id"], claim["attempt"]):
                raise ViolationError(f"attempt {claim['attempt']} goes with the run of {run.attempt}")

    def let_an_invocation_go_on(self, index: int, fate: Fate) -> None:
        """One call of one of the invocations that have not ended."""
        alive = [actor for actor in self.actors if not actor.finished]
        if alive:
            alive[index % len(alive)].step(fate)

    def let_a_run_go_on(self, index: int, steps: int) -> None:
        """Some steps of one of the processes that have not ended."""
        alive = self.everything_that_runs()
        for _ in range(steps if alive else 0):
            alive[index % len(alive)].step()

    def let_an_express_run_die_or_begin_again(self, index: int, *, dies: bool) -> None:
        """One of the function's invocations ends where it stands, or comes a second time."""
        if self.express:
            run = self.express[-1 - index % len(self.express)]
            run.die() if dies else self.invoke_express(run.event)

    def go_well_for_a_while(self) -> None:
        """One round in which everything that is due happens, and nothing goes wrong."""
        if self.messages:
            self.deliver().finish()
        self.advance().finish()
        for run in self.everything_that_runs():
            run.finish()
        self.check()

    def _finish_all(self) -> None:
        for actor in list(self.actors):
            actor.finish()
        for run in self.everything_that_runs():
            run.finish()
        self.check()

    def _tick(self) -> None:
        self.pass_time(minutes=11)
        if self.messages:
            self.deliver().finish()
        for batch_id in self.failed():
            self.retry(batch_id).finish()
        self.advance()
        self._finish_all()

    def _is_drained(self) -> bool:
        return not (self.messages or self.segments() or self.claim() or self.failed() or self.dirty())


def _raise_unexpected(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, (CrashError, PomonaError, ClientError)):
        raise error
