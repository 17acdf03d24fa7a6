"""What the tasks of a run did: counted in Spark's Python workers, added up on the driver."""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from pyspark import AccumulatorParam

from pomona.s3.image_fetcher import Fallback
from pomona.stopwatch import timed
from pomona_contract.outcomes import Outcome

PARTS = ("get", "decode", "resize", "inference")


@dataclass
class Tally:
    """Counts by name, seconds by part (of all tasks together), and why the first unread object was not read."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    reason: str = ""

    def timing(self, part: str) -> AbstractContextManager[None]:
        """Add the time that the block takes to `part`."""
        return timed(self.seconds, part)

    def add(self, other: "Tally") -> "Tally":
        """Take in another tally."""
        self.counts += other.counts
        for part, seconds in other.seconds.items():
            self.seconds[part] += seconds
        self.reason = self.reason or other.reason
        return self

    def images(self) -> dict[str, int]:
        """How many keys had each outcome."""
        return {outcome.value: self.counts[outcome] for outcome in Outcome}

    def fallbacks(self) -> dict[str, int]:
        """Return how many objects boto3 read in obstore's place, by reason."""
        return {why.value: self.counts[fallback_count(why)] for why in Fallback}


Tallies = dict[int, Tally]
"""By the number of the task."""


def fallback_count(why: Fallback) -> str:
    """Return the name of the count of objects that boto3 read for this reason."""
    return f"fallbacks-{why}"


class TalliesParam(AccumulatorParam[Any]):
    """Lets Spark gather tallies by the numbers of their tasks.

    Spark accumulates again what a task did that it repeats because the executor with its rows was lost (DAGScheduler
    counts once only the tasks of a job's last stage): the tally of the repetition takes the place of the first.
    """

    def zero(self, value: Tallies) -> Tallies:  # noqa: ARG002 (Spark's signature)
        """No tallies."""
        return {}

    def addInPlace(self, value1: Tallies, value2: Tallies) -> Tallies:  # noqa: N802 (Spark's name)
        """Take in other tallies."""
        value1.update(value2)
        return value1


def total(tallies: Tallies) -> Tally:
    """Return the sum of all tallies."""
    everything = Tally()
    for tally in tallies.values():
        everything.add(tally)
    return everything
