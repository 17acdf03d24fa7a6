"""How a schedule of the queue's proof is played."""

from collections.abc import Callable

from tests.model.world import World

Schedule = Callable[[World], None]


def play(world: World, schedule: Schedule) -> None:
    """Raise ViolationError if an invariant does not hold after the schedule, or if its events are never reflected."""
    schedule(world)
    world.check()
    world.drain()
