"""What a run costs: the hours that EMR Serverless billed, at the list prices of `prices.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PRICE_OF = {"vcpu_hours": "vcpu_hour", "memory_gb_hours": "gb_hour", "storage_gb_hours": "storage_gb_hour"}


@dataclass(frozen=True)
class BilledHours:
    """What EMR Serverless bills for a run, in hours of a vCPU, of a GB of memory and of a GB of storage."""

    vcpu_hours: float
    memory_gb_hours: float
    storage_gb_hours: float


@dataclass(frozen=True)
class Prices:
    """Prices of one Region, in `currency` for an hour of a vCPU, of a GB of memory and of a GB of storage."""

    currency: str
    as_of: str  # the date of the prices
    hourly: Mapping[str, float]

    def cost(self, billed: BilledHours) -> float:
        """Return the cost in `currency`."""
        return float(sum(getattr(billed, hours) * self.hourly[price] for hours, price in _PRICE_OF.items()))


@cache
def prices_of(region: str) -> Prices | None:
    """Return the prices of a Region; None if `prices.json` does not have it, because a cost is never guessed."""
    document = json.loads(Path(__file__).with_name("prices.json").read_text())
    hourly = document["emr_serverless"].get(region)
    return Prices(document["currency"], document["as_of"], hourly) if hourly else None
