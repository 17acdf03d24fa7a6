"""What a run cost: what EMR Serverless billed, at the prices of `intake/prices.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from intake.emr import Billed

_PRICE_OF = {"vcpu_hours": "vcpu_hour", "memory_gb_hours": "gb_hour", "storage_gb_hours": "storage_gb_hour"}


@dataclass(frozen=True)
class Prices:
    """Prices of one region, in `currency` for an hour of a vCPU, a GB of memory, a GB of storage."""

    currency: str
    as_of: str
    hourly: Mapping[str, float]

    def cost(self, billed: Billed) -> float:
        """In `currency`."""
        return float(sum(getattr(billed, field) * self.hourly[price] for field, price in _PRICE_OF.items()))


@cache
def prices_of(region: str) -> Prices | None:
    """The prices of a region, None if the file does not have it: a cost is never guessed."""
    source = files("intake").joinpath("prices.json")
    if not source.is_file():
        return None
    document = json.loads(source.read_text())
    hourly = document["emr_serverless"].get(region)
    return Prices(document["currency"], document["as_of"], hourly) if hourly else None
