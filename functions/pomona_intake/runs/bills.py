"""The bills of ended runs: `runs/<run>.billed.json`, one document for each featurize run and each refit."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from pomona_intake.errors import LostRaceError, PreconditionFailedError
from pomona_intake.runs.emr_client import Billed, Phase, RunState
from pomona_intake.runs.prices import Prices
from pomona_intake.s3.lake import Lake

FORMAT = 1
RUNS = "runs/"
_FEATURIZE, _REFIT = "featurize-", "refit-"
_UNKNOWN: dict[str, None] = dict.fromkeys(Billed.__dataclass_fields__)


@dataclass(frozen=True)
class Attempt:
    """A featurize run, which is an attempt at a batch; or a refit: its batch is its own name, and its number 1."""

    batch_id: str
    number: int

    @classmethod
    def of(cls, run_name: str) -> "Attempt | None":
        """Return the attempt that a run's name tells; None for a run that is not Pomona's."""
        if run_name.startswith(_REFIT):
            return cls(run_name, 1)
        batch_id, _, number = run_name.removeprefix(_FEATURIZE).rpartition("-")
        if run_name.startswith(_FEATURIZE) and batch_id and number.isdecimal():
            return cls(batch_id, int(number))
        return None

    @property
    def is_refit(self) -> bool:
        return self.batch_id.startswith(_REFIT)

    @property
    def name(self) -> str:
        """The key of the run's documents, without their endings."""
        return f"{RUNS}{self.batch_id}" if self.is_refit else f"{RUNS}{self.batch_id}-{self.number}"

    @property
    def bill_name(self) -> str:
        """The key of the run's bill."""
        return f"{self.name}.billed.json"


@dataclass(frozen=True)
class Bill:
    """A bill as it was read; `hours_are_known` is False until EMR Serverless has said what it billed."""

    etag: str
    hours_are_known: bool


class Bills:
    """The bills in one lake. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, prices: Prices | None) -> None:
        self._lake = lake
        self._prices = prices

    def read(self, attempt: Attempt) -> Bill | None:
        """Return the run's bill, None if nobody has written it."""
        stored = self._lake.read(attempt.bill_name)
        return Bill(stored.etag, json.loads(stored.body)["vcpu_hours"] is not None) if stored else None

    def create(self, attempt: Attempt, run: RunState) -> bool:
        """Write the run's bill; return False if somebody else has written it."""
        try:
            self._lake.create(attempt.bill_name, self._document(attempt, run))
        except PreconditionFailedError:
            return False
        return True

    def complete(self, attempt: Attempt, run: RunState, bill: Bill) -> bool:
        """Write what has been billed meanwhile over the bill; return False if somebody else has done so."""
        try:
            self._lake.replace(attempt.bill_name, self._document(attempt, run), bill.etag)
        except LostRaceError:
            return False
        return True

    def _document(self, attempt: Attempt, run: RunState) -> bytes:
        document: dict[str, Any] = {
            "format": FORMAT,
            "batch_id": attempt.batch_id,
            "attempt": attempt.number,
            "run_id": run.run_id,
            "state": run.state,
            "seconds": run.seconds,
            "reason": run.details if run.phase is Phase.FAILED else "",
            **(asdict(run.billed) if run.billed else _UNKNOWN),
            **self._cost(run.billed),
        }
        return json.dumps(document, indent=1).encode()

    def _cost(self, billed: Billed | None) -> dict[str, Any]:
        """Return what the run cost at the prices of its day; the readers of a bill need no list of prices."""
        if billed is None or self._prices is None:
            return {"cost": None, "currency": None}
        return {"cost": self._prices.cost(billed), "currency": self._prices.currency}
