"""Counters of what is done about keys: of one task, or of a whole run."""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pomona.s3.image_fetcher import FallbackReason
from pomona.stopwatch import timed
from pomona_contract.outcomes import Outcome

STEPS = ("get", "decode", "resize", "inference")


@dataclass
class TaskCounters:
    """Counts by name, seconds by step, and why the first unread object was not read."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    reason: str = ""

    def timing(self, step: str) -> AbstractContextManager[None]:
        """Add the time that the block takes to `step`."""
        return timed(self.seconds, step)

    def add(self, other: "TaskCounters") -> "TaskCounters":
        """Add the counters of another task to these, and return these."""
        self.counts += other.counts
        for step, seconds in other.seconds.items():
            self.seconds[step] += seconds
        self.reason = self.reason or other.reason
        return self

    def count_fallback(self, reason: FallbackReason) -> None:
        """Count an object that boto3 read in obstore's place."""
        self.counts[_fallback_name(reason)] += 1

    def outcomes(self) -> dict[str, int]:
        """Return how many keys had each outcome."""
        return {outcome.value: self.counts[outcome] for outcome in Outcome}

    def fallbacks(self) -> dict[str, int]:
        """Return how many objects boto3 read in obstore's place, by reason."""
        return {reason.value: self.counts[_fallback_name(reason)] for reason in FallbackReason}


CountersByTask = dict[int, TaskCounters]
"""By the number of the task."""


def sum_counters(by_task: CountersByTask) -> TaskCounters:
    """Return the sum of the counters of all tasks."""
    total = TaskCounters()
    for counters in by_task.values():
        total.add(counters)
    return total


def _fallback_name(reason: FallbackReason) -> str:
    return f"fallbacks-{reason}"
