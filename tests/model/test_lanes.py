"""The schedules that the express lane's rules exist for: they pass, and each seeded bug makes one of them fail."""

from collections.abc import Callable, Iterator

import pytest

from pomona_contract.lanes import Lane
from tests.model import bugs
from tests.model.actors import Fate
from tests.model.express import ExpressRun
from tests.model.play import Schedule, play
from tests.model.world import ViolationError, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World(EXPRESS_KEYS="2", LAUNCH_AT_KEYS="3", MAX_KEYS_PER_RUN="3")
    yield world
    world.close()


def an_event_is_delivered_twice_and_the_second_run_wakes_late(world: World) -> None:
    first = _launch(world, "a")
    second = world.invoke_express(first.event)
    _until(second, second._commit)
    first.finish()
    second.finish()


def a_run_dies_when_its_record_is_written(world: World) -> None:
    """What it has not deferred by then, nobody will ever look at again."""
    _launch(world, "a").finish()
    world.advance().finish()
    run = _launch(world, "a", "b")
    while run.name.record_key not in world.lake.objects:
        run.step()
    run.die()
    world.advance().finish()
    world.check()


def a_run_that_woke_late_meets_a_table_that_only_empty_runs_have_seen(world: World) -> None:
    zombie = _launch(world, "a")
    _until(zombie, zombie._commit)
    world.remove("a")
    world.invoke_express(zombie.event).finish()
    world.advance().finish()
    _launch(world).finish()
    world.advance().finish()
    world.check()
    zombie.finish()


def an_image_changes_and_nothing_else_comes(world: World) -> None:
    _launch(world, "a").finish()
    world.advance().finish()
    _launch(world, "a").finish()
    world.advance().finish()
    world.check()


def every_invocation_dies_all_day(world: World) -> None:
    """Each batch goes to the cluster at once; none is set aside, although one failure there would be enough."""
    world.deploy(MAX_ATTEMPTS="1")
    for _ in range(24):
        for run in _ingest_and_advance(world, "a"):
            run.die()
        world.pass_time(minutes=8)
        world.advance().finish()
        claim = world.claim()
        if world.failed() or claim is None or claim["lane"] != Lane.CLUSTER:
            raise ViolationError(f"set aside: {world.failed()}, in flight: {claim}")
        for cluster_run in world.processes():
            cluster_run.finish()
        world.advance().finish()
        world.check()


def a_run_needs_its_time(world: World) -> None:
    """Nobody gives an invocation up that may still be running: the cluster would do its work again."""
    run = _launch(world, "a")
    world.pass_time(minutes=5)
    world.advance().finish()
    claim = world.claim()
    if claim is None or claim["attempt"] != 1:
        raise ViolationError(f"given up after five minutes: {claim}")
    run.finish()
    world.advance().finish()


def the_answer_of_an_invocation_is_lost(world: World) -> None:
    _ingest(world, "a")
    world.advance().until("invoke").step(Fate.ANSWER_LOST)
    world.actors[-1].finish()
    world.advance().finish()
    assert len(world.express) == 2, "it is invoked again"
    for run in list(world.express):
        run.finish()
    world.advance().finish()


BUGS: dict[str, tuple[Schedule, bugs.Bug]] = {
    "an append to any base": (an_event_is_delivered_twice_and_the_second_run_wakes_late, bugs.appends_to_any_base),
    "a deferral after the record": (a_run_dies_when_its_record_is_written, bugs.defers_after_the_record),
    "no commit if nothing is new": (
        a_run_that_woke_late_meets_a_table_that_only_empty_runs_have_seen,
        bugs.commits_nothing_when_nothing_is_new,
    ),
    "a deferral without a mark": (an_image_changes_and_nothing_else_comes, bugs.defers_without_a_mark),
    "a failed express run costs an attempt": (
        every_invocation_dies_all_day,
        bugs.a_failed_express_run_costs_an_attempt,
    ),
    "a next attempt on the express lane": (every_invocation_dies_all_day, bugs.the_express_lane_tries_again),
    "an express run that is given up at once": (a_run_needs_its_time, bugs.gives_up_an_express_run_at_once),
}
MORE: tuple[Schedule, ...] = (the_answer_of_an_invocation_is_lost,)


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


def test_a_few_new_images_are_in_the_table_without_a_run_of_the_cluster(world: World) -> None:
    _launch(world, "a", "b").finish()
    world.advance().finish()
    assert set(world.table.rows) == {"a", "b"}
    assert not world.emr.runs


def test_a_changed_image_waits_for_the_cluster_and_new_ones_do_not_wait_with_it(world: World) -> None:
    _launch(world, "a").finish()
    world.advance().finish()
    _launch(world, "a", "b").finish()
    world.advance().finish()
    assert world.dirty() == {"a"}
    assert not world.emr.runs

    world.pass_time(minutes=11)
    world.advance().finish()
    (run,) = world.processes()
    run.finish()
    assert not world.dirty()


def test_many_keys_go_to_the_cluster_at_once(world: World) -> None:
    _ingest(world, "a", "b", "c")
    world.advance().finish()
    assert len(world.processes()) == 1
    assert not world.express


def _ingest(world: World, *keys: str) -> None:
    for key in keys:
        world.put(key)
    if world.messages:
        world.deliver().finish()
    world.acknowledge()


def _ingest_and_advance(world: World, *keys: str) -> list[ExpressRun]:
    _ingest(world, *keys)
    world.advance().finish()
    return [run for run in world.express if not run.over]


def _launch(world: World, *keys: str) -> ExpressRun:
    _ingest_and_advance(world, *keys)
    return world.express[-1]


def _until(run: ExpressRun, step: Callable[[], None]) -> None:
    while run._next != step:
        run.step()
