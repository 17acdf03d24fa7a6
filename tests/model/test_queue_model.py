"""The queue's promises under random schedules of crashes, lost answers, throttling, zombies and racing invocations."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.actors import Fate
from tests.model.world import World

KEYS = st.sampled_from(["red flower é+.jpg", "b", "c", "d%2F/e"])
FATES = st.sampled_from([Fate.ANSWERED] * 12 + list(Fate))
TURNS = st.lists(st.tuples(st.integers(0, 3), FATES), min_size=1, max_size=12)
MAX_ACTORS = 4


class QueueMachine(RuleBasedStateMachine):
    """Every rule is something that the world does to the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(key=KEYS, there=st.booleans())
    def an_image_is_written_or_deleted(self, key: str, there: bool) -> None:
        (self.world.put if there else self.world.remove)(key)

    @precondition(lambda self: self.world.messages and len(self.world.actors) < MAX_ACTORS)
    @rule(data=st.data())
    def messages_are_delivered_in_any_order_and_again(self, data: st.DataObject) -> None:
        names = st.lists(st.sampled_from(sorted(self.world.messages)), min_size=1, max_size=4, unique=True)
        self.world.deliver(data.draw(names))

    @precondition(lambda self: len(self.world.actors) < MAX_ACTORS)
    @rule(invocations=st.integers(1, 2))
    def advance_is_invoked(self, invocations: int) -> None:
        for _ in range(invocations):
            self.world.advance()

    @precondition(lambda self: self.world.actors)
    @rule(turns=TURNS)
    def invocations_take_turns(self, turns: list[tuple[int, Fate]]) -> None:
        for index, fate in turns:
            self.world.actors[index % len(self.world.actors)].step(fate)

    @precondition(lambda self: self.world.actors)
    @rule(data=st.data())
    def an_invocation_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.actors)).finish()

    @precondition(lambda self: self.world.processes())
    @rule(data=st.data(), steps=st.integers(1, 9))
    def a_run_goes_on(self, data: st.DataObject, steps: int) -> None:
        run = data.draw(st.sampled_from(self.world.processes()))
        for _ in range(steps):
            run.step()

    @precondition(lambda self: self.world.emr.alive())
    @rule(data=st.data(), state=st.sampled_from(["FAILED", "CANCELLED", "gone"]), zombie=st.booleans())
    def a_run_ends_or_is_given_up_and_goes_on(self, data: st.DataObject, state: str, zombie: bool) -> None:
        run_id = data.draw(st.sampled_from(self.world.emr.alive()))
        self.world.give_up(run_id, state, zombie)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self.world.go_well_for_a_while()

    @precondition(lambda self: self.world.failed() and len(self.world.actors) < MAX_ACTORS)
    @rule(data=st.data())
    def an_operator_retries(self, data: st.DataObject) -> None:
        self.world.retry(data.draw(st.sampled_from(self.world.failed())))

    @rule(minutes=st.sampled_from([0.001, 11]), stale=st.booleans())
    def time_passes_and_listings_lag_behind_or_catch_up(self, minutes: float, stale: bool) -> None:
        self.world.pass_time(minutes)
        self.world.lake.stale = stale

    @rule(attempts=st.sampled_from(["1", "2", "3"]), keys=st.sampled_from(["1", "2", "5"]), replaces=st.booleans())
    def a_deployment_or_a_malformed_message_arrives(self, attempts: str, keys: str, replaces: bool) -> None:
        if replaces:
            self.world.deploy(MAX_ATTEMPTS=attempts, MAX_KEYS_PER_RUN=keys)
        else:
            self.world.send("hello")

    @invariant()
    def nothing_is_lost_and_one_run_at_most_may_commit(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        try:
            self.world.lake.stale = False
            self.world.drain()
        finally:
            self.world.close()


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(
    max_examples=100,
    stateful_step_count=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
