"""When a run may start: its turn by SchedulerConfiguration, its workers by the capacity of application and account.

Sources: EMR Serverless user guide, "Job concurrency and queuing", "Job run states", "Maximum capacity"; Amazon EMR
endpoints and quotas ("Max concurrent vCPUs per account": 16 for a new one).
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from embedded_aws.emr_serverless.workers import UNLIMITED, Capacity

NEW_ACCOUNT = Capacity(vcpus=16, memory_gb=UNLIMITED.memory_gb, storage_gb=UNLIMITED.storage_gb)
_RUNS, _MINUTES = 15, 360  # the defaults of a SchedulerConfiguration


def maximum_capacity(asked: Mapping[str, str] | None) -> Capacity:
    """Return an application's `maximumCapacity` ({"cpu": "16 vCPU", "memory": "64 GB"}); without one, no limit."""
    if not asked:
        return UNLIMITED
    amounts = {name: float(re.match(r"\d+", text)[0]) for name, text in asked.items()}  # type: ignore[index]
    return Capacity(amounts["cpu"], amounts["memory"], amounts.get("disk", UNLIMITED.storage_gb))


def concurrency(scheduler: Mapping[str, Any] | None) -> tuple[float, float | None]:
    """Return (concurrent runs, seconds that a run may be queued); nothing queues without a SchedulerConfiguration."""
    if scheduler is None:
        return UNLIMITED.vcpus, None
    return scheduler.get("maxConcurrentRuns", _RUNS), scheduler.get("queueTimeoutMinutes", _MINUTES) * 60


class Scheduler:
    """The turns and workers that runs hold. `given_up` ends a wait too; `wake` has every wait check it."""

    def __init__(self, account: Capacity = NEW_ACCOUNT) -> None:
        self.account = account
        self._changed = threading.Condition()
        self._turns: dict[str, str] = {}  # run → application
        self._workers: dict[str, tuple[str, Capacity]] = {}  # run → application and workers

    def take_turn(
        self, run: str, application: str, most: float, seconds: float | None, given_up: Callable[[], bool]
    ) -> bool:
        """Wait until fewer than `most` runs of the application have a turn; return False if it did not get one."""
        return self._take(
            lambda: sum(one == application for one in self._turns.values()) < most,
            lambda: self._turns.update({run: application}),
            seconds,
            given_up,
        )

    def take_workers(
        self,
        run: str,
        application: str,
        asked: Capacity,
        limit: Capacity,
        seconds: float | None,
        given_up: Callable[[], bool],
    ) -> bool:
        """Wait until application and account have room for these workers; return False if it did not get them."""
        return self._take(
            lambda: (self._used(application) + asked).fits(limit) and (self._used() + asked).fits(self.account),
            lambda: self._workers.update({run: (application, asked)}),
            seconds,
            given_up,
        )

    def leave(self, run: str) -> None:
        """Release a run's turn and workers."""
        with self._changed:
            self._turns.pop(run, None)
            self._workers.pop(run, None)
            self._changed.notify_all()

    def wake(self) -> None:
        """Have every waiting run check `given_up`."""
        with self._changed:
            self._changed.notify_all()

    def _used(self, application: str | None = None) -> Capacity:
        held = [one for owner, one in self._workers.values() if application in (None, owner)]
        return sum(held, Capacity())

    def _take(
        self,
        is_free: Callable[[], bool],
        take: Callable[[], None],
        seconds: float | None,
        given_up: Callable[[], bool],
    ) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: given_up() or is_free(), seconds)
            if given_up() or not is_free():
                return False
            take()
            return True
