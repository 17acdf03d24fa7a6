"""Names of runs on EMR Serverless, and what they tell: `featurize-<batch id>-<attempt>`, `refit-<snapshot>-<stamp>`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pomona_contract.lake_layout import BILL_ENDING, FAILURE_ENDING, RECORD_ENDING, RUNS
from pomona_contract.times import stamp, unstamp

FEATURIZE_PREFIX, REFIT_PREFIX = "featurize-", "refit-"


def new_batch_id(claimed_at: datetime, unique: str) -> str:
    """Return the id of a batch that is claimed now; ids sort by time."""
    return f"{stamp(claimed_at)}-{unique}"


def refit_name(snapshot_id: int, scheduled_at: datetime) -> str:
    """Return the name of the refit of a snapshot that was due at this time."""
    return f"{REFIT_PREFIX}{snapshot_id}-{stamp(scheduled_at)}"


@dataclass(frozen=True)
class RunName:
    """The name of a run, taken apart.

    A featurize run is an attempt at a batch. A refit has no batch: `batch_id` is its own name, and `attempt` is 1.
    """

    batch_id: str
    attempt: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the parts of a run's name; None if the run is not one of Pomona's."""
        if name.startswith(REFIT_PREFIX):
            return cls(name, 1)
        batch_id, _, attempt = name.removeprefix(FEATURIZE_PREFIX).rpartition("-")
        if name.startswith(FEATURIZE_PREFIX) and batch_id and attempt.isdecimal():
            return cls(batch_id, int(attempt))
        return None

    @classmethod
    def of_document(cls, key: str) -> Self | None:
        """Return the run whose record or bill lies at this key; None if the object is neither."""
        if not (key.startswith(RUNS) and key.endswith(RECORD_ENDING)):
            return None
        stem = key.removeprefix(RUNS).removesuffix(BILL_ENDING).removesuffix(RECORD_ENDING)
        return cls.parse(stem if stem.startswith(REFIT_PREFIX) else f"{FEATURIZE_PREFIX}{stem}")

    def __str__(self) -> str:
        """Return the name that EMR Serverless knows."""
        return self.batch_id if self.is_refit else f"{FEATURIZE_PREFIX}{self.batch_id}-{self.attempt}"

    @property
    def is_refit(self) -> bool:
        """Return True for a refit, False for a featurize run."""
        return self.batch_id.startswith(REFIT_PREFIX)

    @property
    def record_key(self) -> str:
        """Return where the run's record lies."""
        return f"{RUNS}{self._stem}{RECORD_ENDING}"

    @property
    def failure_key(self) -> str:
        """Return where it is written why an express run failed. EMR Serverless tells it of other runs."""
        return f"{RUNS}{self._stem}{FAILURE_ENDING}"

    @property
    def bill_key(self) -> str:
        """Return where the run's bill lies."""
        return f"{RUNS}{self._stem}{BILL_ENDING}"

    @property
    def _stem(self) -> str:
        return self.batch_id if self.is_refit else f"{self.batch_id}-{self.attempt}"

    @property
    def began_at(self) -> datetime | None:
        """Return when the batch was claimed or the refit was due; None if the name does not say it."""
        moment = self.batch_id.rpartition("-")[2] if self.is_refit else self.batch_id.partition("-")[0]
        try:
            return unstamp(moment)
        except ValueError:
            return None
