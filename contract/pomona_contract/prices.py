"""What a run costs: the hours that EMR Serverless or Lambda bills, at the list prices of `prices.json`."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PRICE_OF = {
    "vcpu_hours": "vcpu_hour",
    "memory_gb_hours": "gb_hour",
    "storage_gb_hours": "storage_gb_hour",
    "function_gb_hours": "function_gb_hour",
}
_USUAL_DIGITS = 4


@dataclass(frozen=True)
class BilledHours:
    """What is billed for a run: by EMR Serverless in hours of a vCPU, of a GB of memory and of a GB of storage.

    By Lambda, for a run of the express lane, in hours of a GB of the function's memory. An invocation costs less than
    a hundredth of its memory, and is left out.
    """

    vcpu_hours: float
    memory_gb_hours: float
    storage_gb_hours: float
    function_gb_hours: float = 0.0


@dataclass(frozen=True)
class Prices:
    """Prices of one Region, in `currency` for an hour of what BilledHours names."""

    currency: str
    as_of: str  # the date of the prices
    hourly: Mapping[str, float]

    def cost(self, billed: BilledHours) -> float:
        """Return the cost in `currency`."""
        return float(sum(getattr(billed, hours) * self.hourly[price] for hours, price in _PRICE_OF.items()))


def amount_text(amount: float) -> str:
    """Return an amount of money to a hundredth of a cent, or to two digits if it is smaller than ten of those."""
    digits = _USUAL_DIGITS if amount <= 0 else max(_USUAL_DIGITS, 1 - math.floor(math.log10(amount)))
    return f"{amount:.{digits}f}"


@cache
def prices_of(region: str) -> Prices | None:
    """Return the prices of a Region; None if `prices.json` does not have it, because a cost is never guessed."""
    document = json.loads(Path(__file__).with_name("prices.json").read_text())
    hourly = document["hourly"].get(region)
    return Prices(document["currency"], document["as_of"], hourly) if hourly else None
