"""The schedules that the queue's protocol exists for: they pass, and each seeded bug makes one of them fail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from intake.documents import ACTIVE, FAILED
from tests.model import bugs
from tests.model.actors import Fate
from tests.model.world import ViolationError, World

Schedule = Callable[[World], None]


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


BUGS: dict[str, tuple[Schedule, bugs.Bug]] = {
    "a claim without its condition": (two_invocations_claim_at_once, bugs.without_condition(ACTIVE)),
    "a segment deleted before its run succeeded": (the_run_fails, bugs.early_deletion),
    "a message acknowledged before its segment is written": (the_segment_cannot_be_written, bugs.early_acknowledgement),
    "a fixed client token": (the_run_fails_once_then_all_goes_well, bugs.fixed_token),
    "a publish that does not look at who published": (a_zombie_publishes_what_has_been_overwritten, bugs.blind_publish),
    "a second move to failed that overwrites the first": (
        two_invocations_move_to_failed,
        bugs.without_condition(FAILED),
    ),
    "a throttled GetJobRun taken for a failed run": (asking_for_the_run_is_throttled, bugs.throttled_is_failed),
    "a batch that takes nothing when its first segment is too large": (
        the_first_segment_is_larger_than_a_batch,
        bugs.takes_nothing_too_large,
    ),
    "a run recorded without its condition": (a_claim_is_recorded_late, bugs.careless_replace),
    "a claim deleted without its condition": (a_success_is_settled_twice, bugs.careless_delete),
    "a segment taken for written after a conflict": (the_segment_conflicts, bugs.conflict_is_existence),
    "a batch taken for moved after a conflict": (the_move_to_failed_conflicts, bugs.conflict_is_existence),
    "a failed batch forgotten before its keys are back": (a_retry_crashes_between_its_steps, bugs.retry_forgets_first),
    "a name that two segments share": (two_batches_are_put_back_at_once, bugs.shared_request_id),
    "a run started again without looking for it": (a_claim_loses_its_start, bugs.never_looks_for_a_run),
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
