"""The queue's promises under random schedules of crashes, lost answers, throttling, zombies and racing invocations."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.actors import Fate
from tests.model.world import World

KEYS = st.sampled_from(["red flower é+.jpg", "b", "c", "d%2F/e"])
FATES = st.sampled_from([Fate.ANSWERED] * 6 + list(Fate))
MAX_ACTORS = 4


class QueueMachine(RuleBasedStateMachine):
    """Every rule is something that the world does to the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(key=KEYS)
    def an_image_is_written(self, key: str) -> None:
        self.world.put(key)

    @rule(key=KEYS)
    def an_image_is_deleted(self, key: str) -> None:
        self.world.remove(key)

    @rule()
    def a_message_is_malformed(self) -> None:
        self.world.send("hello")

    @precondition(lambda self: self.world.messages and len(self.world.actors) < MAX_ACTORS)
    @rule(data=st.data())
    def messages_are_delivered_in_any_order_and_again(self, data: st.DataObject) -> None:
        names = st.lists(st.sampled_from(sorted(self.world.messages)), min_size=1, max_size=4, unique=True)
        self.world.deliver(data.draw(names))

    @precondition(lambda self: len(self.world.actors) < MAX_ACTORS)
    @rule()
    def advance_is_invoked(self) -> None:
        self.world.advance()

    @precondition(lambda self: self.world.actors)
    @rule(data=st.data(), fate=FATES)
    def an_invocation_goes_on(self, data: st.DataObject, fate: Fate) -> None:
        data.draw(st.sampled_from(self.world.actors)).step(fate)

    @precondition(lambda self: self.world.actors)
    @rule(data=st.data())
    def an_invocation_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.actors)).finish()

    @precondition(lambda self: self.world.processes())
    @rule(data=st.data())
    def a_run_goes_on(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.processes())).step()

    @precondition(lambda self: self.world.processes())
    @rule(data=st.data())
    def a_run_goes_on_to_its_end(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.processes())).finish()

    @precondition(lambda self: self.world.processes())
    @rule(data=st.data(), state=st.sampled_from(["FAILED", "CANCELLED"]))
    def a_run_fails(self, data: st.DataObject, state: str) -> None:
        data.draw(st.sampled_from(self.world.processes())).end(state)

    @precondition(lambda self: self.world.emr.alive())
    @rule(data=st.data(), state=st.sampled_from(["FAILED", "CANCELLED"]))
    def a_run_is_given_up_but_goes_on(self, data: st.DataObject, state: str) -> None:
        self.world.emr.end(data.draw(st.sampled_from(self.world.emr.alive())), state)

    @precondition(lambda self: self.world.emr.alive())
    @rule(data=st.data())
    def a_run_vanishes_but_goes_on(self, data: st.DataObject) -> None:
        self.world.emr.gone.add(data.draw(st.sampled_from(self.world.emr.alive())))

    @rule(attempts=st.sampled_from(["1", "2", "3"]), keys=st.sampled_from(["1", "2", "5"]))
    def a_deployment_replaces_the_application(self, attempts: str, keys: str) -> None:
        self.world.deploy(MAX_ATTEMPTS=attempts, MAX_KEYS_PER_RUN=keys)

    @rule(stale=st.booleans())
    def listings_lag_behind(self, stale: bool) -> None:
        self.world.lake.stale = stale

    @precondition(lambda self: self.world.failed() and len(self.world.actors) < MAX_ACTORS)
    @rule(data=st.data())
    def an_operator_retries(self, data: st.DataObject) -> None:
        self.world.retry(data.draw(st.sampled_from(self.world.failed())))

    @rule(minutes=st.sampled_from([0.001, 1, 11]))
    def time_passes(self, minutes: float) -> None:
        self.world.pass_time(minutes)

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
