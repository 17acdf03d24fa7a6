"""The queue's promises under random schedules of crashes, lost answers, throttling, zombies and racing invocations."""

import os
from random import Random

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.actors import Fate
from tests.model.world import World

KEYS = st.sampled_from(["red flower é+.jpg", "b", "c", "d%2F/e"])
CHANGES = st.lists(st.tuples(KEYS, st.booleans()), min_size=1, max_size=3)
FATES = st.sampled_from([Fate.ANSWERED] * 10 + list(Fate))
TURNS = st.lists(st.tuples(st.integers(0, 3), FATES), max_size=20)
RUN_TURNS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), min_size=1, max_size=3)
ENDS = st.sampled_from(["FAILED", "CANCELLED", "gone"])
MAX_ACTORS = 5


class QueueMachine(RuleBasedStateMachine):
    """Every rule is something that the world does to the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.world = self.made()

    @staticmethod
    def made() -> World:
        """A world without the express lane: every run is one of the cluster."""
        return World(EXPRESS_KEYS="0")

    @rule(changes=CHANGES, order=st.randoms(use_true_random=False), share=st.integers(1, 4), turns=TURNS)
    def images_change_and_events_are_delivered_in_any_order_and_again(
        self, changes: list[tuple[str, bool]], order: Random, share: int, turns: list[tuple[int, Fate]]
    ) -> None:
        for key, there in changes:
            (self.world.put if there else self.world.remove)(key)
        names = list(self.world.messages)
        order.shuffle(names)
        self._make_room()
        self.world.deliver(names[: max(1, len(names) * share // 4)])
        self._take_turns(turns)

    @rule(invocations=st.integers(0, 2), turns=TURNS)
    def advance_is_invoked_and_invocations_take_turns(self, invocations: int, turns: list[tuple[int, Fate]]) -> None:
        for _ in range(invocations):
            self._make_room()
            self.world.advance()
        self._take_turns(turns)

    @precondition(lambda self: self.world.everything_that_runs())
    @rule(turns=RUN_TURNS)
    def runs_go_on(self, turns: list[tuple[int, int]]) -> None:
        for index, steps in turns:
            self.world.let_a_run_go_on(index, steps)

    @precondition(lambda self: self.world.emr.alive())
    @rule(state=ENDS, zombie=st.booleans())
    def a_run_ends_or_is_given_up_and_goes_on(self, state: str, zombie: bool) -> None:
        self.world.give_up(self.world.emr.alive()[0], state, zombie)

    @rule(minutes=st.sampled_from([0.001, 11, 80]), stale=st.booleans())
    def time_passes_and_listings_lag_behind_or_catch_up(self, minutes: float, stale: bool) -> None:
        self.world.pass_time(minutes)
        self.world.lake.stale = stale

    @precondition(lambda self: self.world.failed())
    @rule(turns=TURNS)
    def an_operator_retries(self, turns: list[tuple[int, Fate]]) -> None:
        batch_id = self.world.failed()[0]
        self._make_room()
        self.world.retry(batch_id)
        self._take_turns(turns)

    @rule(odd=st.sampled_from(["a quiet time", "a quiet time", "a malformed message", "a deployment"]))
    def something_rare_happens(self, odd: str) -> None:
        if odd == "a quiet time":
            self.world.go_well_for_a_while()
        elif odd == "a malformed message":
            self.world.send("hello")
        else:
            self.world.deploy(MAX_ATTEMPTS="1", MAX_KEYS_PER_RUN="1")

    @rule(turns=TURNS)
    def an_operator_resumes(self, turns: list[tuple[int, Fate]]) -> None:
        self._make_room()
        self.world.resume()
        self._take_turns(turns)

    @invariant()
    def nothing_is_lost_and_one_run_at_most_may_commit(self) -> None:
        self.world.check()

    def _make_room(self) -> None:
        self.world.acknowledge()
        if len(self.world.actors) >= MAX_ACTORS:
            self.world.actors[0].finish()
            self.world.acknowledge()

    def _take_turns(self, turns: list[tuple[int, Fate]]) -> None:
        for index, fate in turns:
            self.world.let_an_invocation_go_on(index, fate)

    def teardown(self) -> None:
        try:
            self.world.lake.stale = False
            self.world.drain()
        finally:
            self.world.close()


class LanesMachine(QueueMachine):
    """The same with both lanes: one or two keys take the express lane, four or more the cluster."""

    @staticmethod
    def made() -> World:
        return World(EXPRESS_KEYS="2", LAUNCH_AT_KEYS="4", MAX_KEYS_PER_RUN="4")

    @rule(key=KEYS, there=st.booleans(), steps=st.integers(0, 9))
    def one_image_changes_and_its_run_begins(self, key: str, there: bool, steps: int) -> None:
        self.world.go_well_for_a_while()
        (self.world.put if there else self.world.remove)(key)
        self.world.deliver().finish()
        self.world.advance().finish()
        self.world.let_a_run_go_on(-1, steps)

    @precondition(lambda self: self.world.express)
    @rule(index=st.integers(0, 2), dies=st.booleans(), turns=RUN_TURNS)
    def an_express_run_dies_or_its_event_comes_again(
        self, index: int, dies: bool, turns: list[tuple[int, int]]
    ) -> None:
        self.world.let_an_express_run_die_or_begin_again(index, dies=dies)
        self.runs_take_turns(turns)

    def runs_take_turns(self, turns: list[tuple[int, int]]) -> None:
        for turn, steps in turns:
            self.world.let_a_run_go_on(turn, steps)


SETTINGS = settings(
    max_examples=int(os.environ.get("SCHEDULES", "100")),  # `make schedules` tries more
    stateful_step_count=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestQueue, TestLanes = QueueMachine.TestCase, LanesMachine.TestCase
TestQueue.settings = TestLanes.settings = SETTINGS
