"""The schedules that the queue's protocol exists for: they pass, and each seeded bug makes one of them fail."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.cloudformation.templates import parse_template
from pomona_contract.lake_layout import CLAIM
from tests.model import bugs
from tests.model.actors import Fate
from tests.model.play import Schedule, play
from tests.model.world import ViolationError, World

S3_CALLS = {"get_object", "put_object", "copy_object", "delete_object", "delete_objects", "list_objects_v2"}
EMR_CALLS = {"start_job_run", "get_job_run", "list_job_runs"}
TEMPLATE = parse_template((Path(__file__).resolve().parents[2] / "template.yaml").read_text())
EVENT_QUEUE = TEMPLATE["Resources"]["EventQueue"]["Properties"]
MAX_RECEIVE_COUNT = EVENT_QUEUE["RedrivePolicy"]["maxReceiveCount"]


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
    _fail(_launch(world, "a", "b"))
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


def the_run_fails_once_then_all_goes_well(world: World) -> None:
    _fail(_launch(world, "a", "b"))
    world.advance().finish()
    world.check()
    assert world.claim()["attempt"] == 2
    world.pass_time(minutes=80)
    world.advance().finish()
    world.check()


def a_zombie_publishes_what_has_been_overwritten(world: World) -> None:
    zombie = _launch(world, "a", "b")
    _until_publishing(zombie)
    world.emr.end(zombie.run_id, "FAILED")
    world.put("a")
    world.advance().finish()
    world.pass_time(minutes=80)
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


def two_invocations_set_a_batch_aside_and_an_operator_puts_it_back(world: World) -> None:
    _exhaust(world)
    late = world.advance().until("delete_objects")
    world.advance().finish()
    world.retry(world.failed()[0]).finish()
    late.finish()


def setting_aside_crashes_halfway(world: World) -> None:
    _exhaust(world, "a", "b", segments=2)
    world.advance().until("delete_objects").step(Fate.CRASH_AFTER)


def asking_for_the_run_is_throttled(world: World) -> None:
    _launch(world, "a", "b")
    world.advance().until("get_job_run").step(Fate.THROTTLED)
    world.actors[-1].finish()
    world.pass_time(minutes=80)
    world.advance().finish()


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


def a_retry_crashes_halfway(world: World) -> None:
    _exhaust(world, "a", "b", segments=2)
    world.advance().finish()
    world.retry(world.failed()[0]).until("delete_objects").step(Fate.CRASH_AFTER)


def two_messages_become_segments_at_once(world: World) -> None:
    for key in "ab":
        world.put(key)
        world.deliver([list(world.messages)[-1]]).finish()


def a_claim_loses_its_start(world: World) -> None:
    """The run was started, its starter died, and meanwhile EMR Serverless has forgotten the token."""
    _ingest(world, "a", "b")
    world.advance().until("start_job_run").step(Fate.CRASH_AFTER)
    world.emr.tokens.clear()
    world.advance().finish()


def an_hour_in_which_every_run_fails(world: World) -> None:
    """Glue, or S3 for the job, refuses every call: runs start, and fail."""
    _outage(world, "the job", lambda: [_fail(run) for run in world.processes()])


def an_hour_without_emr_serverless(world: World) -> None:
    """Nothing can be started or asked for."""
    _outage(world, "EMR Serverless", lambda: None, refused=EMR_CALLS)


def an_hour_without_s3(world: World) -> None:
    """Nothing can be read or written, by no one: messages come back to SQS, and the runs fail."""
    _outage(world, "S3", lambda: [_fail(run) for run in world.processes()], refused=S3_CALLS)


def a_night_without_capacity(world: World) -> None:
    """Every run is cancelled in SCHEDULED."""
    _outage(world, "capacity", lambda: [run.end("CANCELLED") for run in world.processes()], hours=8)


def a_night_in_which_every_start_is_refused(world: World) -> None:
    """The application is gone, or a parameter is wrong, until a deployment mends it."""
    world.emr.applications = set()
    _outage(world, "the application", lambda: None, hours=8)
    world.emr.applications = {"app-1"}


def many_batches_fail_all_day(world: World) -> None:
    """A wrong setting: of ten batches a few are set aside, the others wait for who mends it."""
    for key in "abcdefghij":
        world.put(key)
        world.deliver().finish()
        world.acknowledge()
    for _ in range(8 * 12):
        world.pass_time(minutes=5)
        world.advance().finish()
        for run in world.processes():
            _fail(run)
        world.check()
    if len(world.failed()) > 4:
        raise ViolationError(f"a day of failures set {len(world.failed())} batches aside")


BUGS: dict[str, tuple[Schedule, bugs.Bug]] = {
    "a claim without its condition": (two_invocations_claim_at_once, bugs.without_condition(CLAIM)),
    "a segment deleted before its run succeeded": (the_run_fails, bugs.early_deletion),
    "a message acknowledged before its segment is written": (the_segment_cannot_be_written, bugs.early_acknowledgement),
    "a fixed client token": (the_run_fails_once_then_all_goes_well, bugs.fixed_token),
    "a publish that does not look at who published": (a_zombie_publishes_what_has_been_overwritten, bugs.blind_publish),
    "a second move to failed that deletes what was put back": (
        two_invocations_set_a_batch_aside_and_an_operator_puts_it_back,
        bugs.puts_back_under_the_old_name,
    ),
    "a batch moved by deleting it first": (setting_aside_crashes_halfway, bugs.moves_by_deleting_first),
    "a retry that deletes first": (a_retry_crashes_halfway, bugs.moves_by_deleting_first),
    "a throttled GetJobRun taken for a failed run": (asking_for_the_run_is_throttled, bugs.throttled_is_failed),
    "a batch that takes nothing when its first segment is too large": (
        the_first_segment_is_larger_than_a_batch,
        bugs.takes_nothing_too_large,
    ),
    "a run recorded without its condition": (a_claim_is_recorded_late, bugs.careless_replace),
    "a claim deleted without its condition": (a_success_is_settled_twice, bugs.careless_delete),
    "a segment taken for written after a conflict": (the_segment_conflicts, bugs.conflict_is_existence),
    "a name that two segments share": (two_messages_become_segments_at_once, bugs.shared_request_id),
    "a run started again without looking for it": (a_claim_loses_its_start, bugs.never_looks_for_a_run),
    "attempts without a backoff": (an_hour_in_which_every_run_fails, bugs.tries_again_at_once),
    "a run that never ran costs an attempt": (a_night_without_capacity, bugs.counts_a_run_that_never_ran),
    "a refused start costs an attempt": (a_night_in_which_every_start_is_refused, bugs.a_refusal_costs_an_attempt),
    "a line that never pauses": (many_batches_fail_all_day, bugs.never_pauses),
}
MORE: tuple[Schedule, ...] = (an_hour_without_emr_serverless, an_hour_without_s3)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.mark.parametrize(
    "schedule",
    dict.fromkeys([schedule for schedule, _ in BUGS.values()] + list(MORE)),
    ids=lambda schedule: schedule.__name__,
)
def test_the_queue_survives(world: World, schedule: Schedule) -> None:
    play(world, schedule)


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_is_caught(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    schedule, seed = BUGS[name]
    seed(monkeypatch)
    with pytest.raises(ViolationError):
        play(world, schedule)


def test_keys_wake_advance_only_when_nothing_is_in_flight(world: World) -> None:
    _ingest(world, "a", "b")
    assert world.wakes == 1
    world.advance().finish()
    _ingest(world, "c")
    assert world.wakes == 1


def test_an_operator_who_has_mended_it_need_not_wait(world: World) -> None:
    # Given two batches that failed in a row, so that the queue is paused and the second one waits
    _exhaust(world)
    world.advance().finish()
    _ingest(world, "c", "d")
    world.advance().finish()
    _fail(world.processes()[0])
    world.advance().finish()
    assert not world.processes()
    # When an operator resumes it, then the batch is tried again at once
    world.resume().finish()
    world.advance().finish()
    world.processes()[0].finish()
    world.advance().finish()
    assert world.claim() is None


def test_a_failure_alone_does_not_hold_up_the_next_batch(world: World) -> None:
    _exhaust(world)
    _ingest(world, "c", "d")
    world.advance().finish()
    assert len(world.failed()) == 1
    assert len(world.processes()) == 1


def _ingest(world: World, *keys: str) -> None:
    """Messages of these keys become a segment, and nothing else happens."""
    for key in keys:
        world.put(key)
    world.deliver().finish()
    world.acknowledge()
    assert not world.messages


def _launch(world: World, *keys: str) -> Any:
    _ingest(world, *keys)
    world.advance().finish()
    (run,) = world.processes()
    return run


def _until_publishing(run: Any) -> None:
    while not run.is_about_to_publish:
        run.step()


def _fail(run: Any) -> None:
    """The run's process starts, and fails."""
    run.step()
    run.end("FAILED")


def _exhaust(world: World, *keys: str, segments: int = 1) -> None:
    """The last attempt at a batch has failed, and nobody has looked yet."""
    parts = keys or tuple("ab")
    for part in range(segments - 1):
        _ingest(world, parts[part])
    _fail(_launch(world, *parts[segments - 1 :]))
    world.advance().finish()
    world.pass_time(minutes=80)
    world.advance().finish()
    _fail(world.processes()[0])


def _outage(world: World, service: str, fail: Callable[[], Any], refused: Collection[str] = (), hours: int = 1) -> None:
    """Images come in all the time; a service fails for a while, then all is well: nothing may be set aside."""
    _ingest(world, "a", "b")
    world.advance().finish()
    for minute in range(0, 60 * hours, 6):
        world.put(f"{minute}")
        fail()
        world.deliver().finish(refused)
        world.acknowledge()
        world.advance().finish(refused)
        world.check()
        world.pass_time(minutes=6)
    if world.failed():
        raise ViolationError(f"{hours} hours without {service} set {world.failed()} aside")
    if most := [one["received"] for one in world.messages.values() if one["received"] >= MAX_RECEIVE_COUNT]:
        raise ViolationError(f"{hours} hours without {service} would send messages to the dead-letter queue: {most}")
