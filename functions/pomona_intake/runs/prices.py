"""What a run costs: what EMR Serverless billed, at the list prices of `prices.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pomona_intake.runs.emr_client import Billed

_PRICE_OF = {"vcpu_hours": "vcpu_hour", "memory_gb_hours": "gb_hour", "storage_gb_hours": "storage_gb_hour"}


@dataclass(frozen=True)
class Prices:
    """Prices of one region, in `currency` for an hour of a vCPU, a GB of memory, a GB of storage."""

    currency: str
    as_of: str
    hourly: Mapping[str, float]

    def cost(self, billed: Billed) -> float:
        """Return the cost in `currency`."""
        return float(sum(getattr(billed, field) * self.hourly[price] for field, price in _PRICE_OF.items()))


@cache
def prices_of(region: str) -> Prices | None:
    """Return the prices of a region, None if the file does not have the region: a cost is never guessed."""
    document = json.loads(Path(__file__).with_name("prices.json").read_text())
    hourly = document["emr_serverless"].get(region)
    return Prices(document["currency"], document["as_of"], hourly) if hourly else None
