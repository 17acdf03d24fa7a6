"""What a run that has not ended has cost so far: its time, its workers, and the prices of this release."""

from dataclasses import dataclass
from datetime import datetime

from pomona_contract.prices import BilledHours, prices_of
from pomona_contract.workers import WORKER_GB, WORKER_VCPUS

LEAST_WORKERS = 1  # the driver, which does small runs alone
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class CostSoFar:
    """An estimate: EMR Serverless tells what it bills only at the end of a run."""

    cost: float
    currency: str
    is_least: bool  # the number of executors is not known: the run may have more


def cost_so_far(region: str, started_at: datetime, at: datetime, workers: int | None) -> CostSoFar | None:
    """Return the estimate; None in a region without prices."""
    prices = prices_of(region)
    if prices is None:
        return None
    hours = max((at - started_at).total_seconds(), 0) / _SECONDS_PER_HOUR * (workers or LEAST_WORKERS)
    cost = prices.cost(BilledHours(hours * WORKER_VCPUS, hours * WORKER_GB, 0.0))
    return CostSoFar(cost, prices.currency, is_least=workers is None)
