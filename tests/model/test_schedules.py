"""The schedules that the queue's protocol exists for: they pass, and each seeded bug makes one of them fail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from intake import queue as queue_module
from intake.documents import ACTIVE, FAILED, Claim, FailedBatch, failed_name
from intake.emr import Phase, Runs, RunState
from intake.errors import LostRaceError, TransientError, transient_errors
from intake.lake import Lake
from intake.queue import Queue
from tests.model.actors import Fate
from tests.model.featurize import Table
from tests.model.world import ViolationError, World

Schedule = Callable[[World], None]
Bug = Callable[[pytest.MonkeyPatch], None]


def two_invocations_claim_at_once(world: World) -> None:
    _ingest(world, "a", "b")
    first, second = (world.advance().until("put_object") for _ in range(2))
    first.finish()
    second.finish()


def an_image_changes_after_the_run_has_looked(world: World) -> None:
    run = _launch(world, "a", "b")
    run.step()
    world.check()


def the_run_fails(world: World) -> None:
    _launch(world, "a", "b").end("FAILED")
    world.check()
    world.advance().finish()


def the_segment_cannot_be_written(world: World) -> None:
    world.put("a")
    world.deliver().until("put_object").step(Fate.THROTTLED)
    world.actors[-1].finish()


def the_segment_conflicts(world: World) -> None:
    world.put("a")
    world.deliver().until("put_object").step(Fate.CONFLICTING)
    world.actors[-1].finish()


def the_move_to_failed_conflicts(world: World) -> None:
    _exhaust(world)
    world.advance().until("put_object").step(Fate.CONFLICTING)
    world.actors[-1].finish()


def the_run_fails_once_then_all_goes_well(world: World) -> None:
    _launch(world, "a", "b").end("FAILED")
    world.advance().finish()
    world.check()
    assert world.claim()["attempt"] == 2


def a_zombie_publishes_what_has_been_overwritten(world: World) -> None:
    zombie = _launch(world, "a", "b")
    _until_publishing(zombie)
    world.emr.end(zombie.run_id, "FAILED")
    world.put("a")
    world.advance().finish()
    for run in world.processes():
        if run is not zombie:
            run.finish()
    world.advance().finish()
    world.deliver().finish()
    world.pass_time(minutes=11)
    world.advance().finish()
    world.processes()[-1].finish()
    world.advance().finish()
    world.check()
    zombie.finish()


def two_invocations_move_to_failed(world: World) -> None:
    _exhaust(world)
    slow = world.advance().until("put_object")
    slow_reader = world.advance()
    slow_reader.until("get_job_run").step()  # about to read the segments
    slow.finish()
    slow_reader.finish()


def asking_for_the_run_is_throttled(world: World) -> None:
    _launch(world, "a", "b")
    world.advance().until("get_job_run").step(Fate.THROTTLED)
    world.actors[-1].finish()


def the_first_segment_is_larger_than_a_batch(world: World) -> None:
    for key in "abcde":
        world.put(key)
    world.deliver().finish()


def a_claim_is_recorded_late(world: World) -> None:
    """Another invocation records, settles and claims again before the first has recorded its run."""
    _ingest(world, "a", "b")
    late = world.advance().until("start_job_run")
    late.step()
    world.advance().finish()
    world.processes()[0].finish()
    _ingest(world, "c", "d")
    world.advance().finish()
    late.finish()
    world.check()
    world.advance().finish()


def a_success_is_settled_twice(world: World) -> None:
    _launch(world, "a", "b").finish()
    late = world.advance().until("delete_object")
    _ingest(world, "c", "d")
    world.advance().finish()
    assert world.claim()["run_id"]
    late.finish()
    world.check()
    world.advance().finish()


def a_retry_crashes_between_its_steps(world: World) -> None:
    _exhaust(world)
    world.advance().finish()
    operator = world.retry(world.failed()[0])
    operator.step()
    operator.step()
    operator.step(Fate.CRASH_BEFORE)


def two_batches_are_put_back_at_once(world: World) -> None:
    for keys in ("ab", "cd"):
        _exhaust(world, *keys)
        world.advance().finish()
    for batch_id in world.failed():
        world.retry(batch_id).finish()


def a_claim_loses_its_start(world: World) -> None:
    """The run was started, its starter died, and meanwhile EMR Serverless has forgotten the token."""
    _ingest(world, "a", "b")
    world.advance().until("start_job_run").step(Fate.CRASH_AFTER)
    world.emr.tokens.clear()
    world.advance().finish()


def _put(lake: Any, name: str, body: bytes) -> str:
    with transient_errors("writing"):
        return lake._client.put_object(Bucket=lake._bucket, Key=name, Body=body)["ETag"]


def _without_condition(prefix: str) -> Bug:
    def seed(monkeypatch: pytest.MonkeyPatch) -> None:
        create = Lake.create

        def careless(self: Any, name: str, body: bytes) -> str:
            if not name.startswith(prefix):
                return create(self, name, body)
            return _put(self, name, body)

        monkeypatch.setattr(Lake, "create", careless)

    return seed


def _careless_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "replace", lambda self, name, body, etag: _put(self, name, body))


def _careless_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(self: Any, name: str, etag: str) -> None:
        with transient_errors("deleting"):
            self._client.delete_object(Bucket=self._bucket, Key=name)

    monkeypatch.setattr(Lake, "delete", delete)


def _early_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Queue._record

    def record_and_delete(self: Any, held: Any, run_id: str) -> None:
        record(self, held, run_id)
        self._lake.delete_all(held.claim.names)

    monkeypatch.setattr(Queue, "_record", record_and_delete)


def _early_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Queue.write

    def forgive(self: Any, keys: Any, request_id: str) -> list[str]:
        try:
            return write(self, keys, request_id)
        except TransientError:
            return []

    monkeypatch.setattr(Queue, "write", forgive)


def _fixed_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claim, "token", property(lambda claim: claim.batch_id))


def _blind_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "may_publish", lambda table, base: True)


def _throttled_is_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Runs.state

    def pessimist(self: Any, application_id: str, run_id: str) -> RunState:
        try:
            return state(self, application_id, run_id)
        except TransientError as error:
            return RunState(Phase.FAILED, str(error))

    monkeypatch.setattr(Runs, "state", pessimist)


def _conflict_is_existence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PreconditionFailedError", LostRaceError)


def _takes_nothing_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    take = queue_module.take

    def strict(pending: Any, max_keys: int) -> Any:
        taken = take(pending, max_keys)
        return taken if sum(segment.keys for segment in taken) <= max_keys else ()

    monkeypatch.setattr(queue_module, "take", strict)


def _retry_forgets_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Any, batch_id: str) -> list[str]:
        name = failed_name(batch_id)
        stored = self._lake.read(name)
        if stored is None:
            return []
        self._lake.delete(name, stored.etag)
        return self.write(FailedBatch.from_json(name, stored.body).keys, "retry")

    monkeypatch.setattr(Queue, "retry", hasty)


def _shared_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Queue.write
    monkeypatch.setattr(Queue, "write", lambda self, keys, request_id: write(self, keys, "same"))


def _never_looks_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runs, "find", lambda *_: None)


BUGS: dict[str, tuple[Schedule, Bug]] = {
    "a claim without its condition": (two_invocations_claim_at_once, _without_condition(ACTIVE)),
    "a segment deleted before its run succeeded": (the_run_fails, _early_deletion),
    "a message acknowledged before its segment is written": (the_segment_cannot_be_written, _early_acknowledgement),
    "a fixed client token": (the_run_fails_once_then_all_goes_well, _fixed_token),
    "a publish that does not look at who published": (a_zombie_publishes_what_has_been_overwritten, _blind_publish),
    "a second move to failed that overwrites the first": (two_invocations_move_to_failed, _without_condition(FAILED)),
    "a throttled GetJobRun taken for a failed run": (asking_for_the_run_is_throttled, _throttled_is_failed),
    "a batch that takes nothing when its first segment is too large": (
        the_first_segment_is_larger_than_a_batch,
        _takes_nothing_too_large,
    ),
    "a run recorded without its condition": (a_claim_is_recorded_late, _careless_replace),
    "a claim deleted without its condition": (a_success_is_settled_twice, _careless_delete),
    "a segment taken for written after a conflict": (the_segment_conflicts, _conflict_is_existence),
    "a batch taken for moved after a conflict": (the_move_to_failed_conflicts, _conflict_is_existence),
    "a failed batch forgotten before its keys are back": (a_retry_crashes_between_its_steps, _retry_forgets_first),
    "a name that two segments share": (two_batches_are_put_back_at_once, _shared_request_id),
    "a run started again without looking for it": (a_claim_loses_its_start, _never_looks_for_a_run),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.mark.parametrize(
    "schedule", [schedule for schedule, _ in BUGS.values()], ids=lambda schedule: schedule.__name__
)
def test_the_queue_survives(world: World, schedule: Schedule) -> None:
    _play(world, schedule)


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_is_caught(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    schedule, seed = BUGS[name]
    seed(monkeypatch)
    with pytest.raises(ViolationError):
        _play(world, schedule)


def _play(world: World, schedule: Schedule) -> None:
    schedule(world)
    world.check()
    world.drain()


def _ingest(world: World, *keys: str) -> None:
    """Messages of these keys become a segment, and nothing else happens."""
    for key in keys:
        world.put(key)
    actor = world.deliver()
    actor.step()
    actor.step(Fate.THROTTLED)
    world.acknowledge()
    assert not world.messages


def _launch(world: World, *keys: str) -> Any:
    _ingest(world, *keys)
    world.advance().finish()
    (run,) = world.processes()
    return run


def _until_publishing(run: Any) -> None:
    while run._next != run._publish:
        run.step()


def _exhaust(world: World, *keys: str) -> None:
    """The last attempt at a batch has failed, and nobody has looked yet."""
    _launch(world, *(keys or "ab")).end("FAILED")
    world.advance().finish()
    world.processes()[0].end("FAILED")
