"""A run of a job, and the last refit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pomona_contract.lanes import Lane
from pomona_contract.prices import BilledHours
from pomona_contract.run_names import FEATURIZE_PREFIX


@dataclass(frozen=True)
class Run:
    """One run of a job. A field that is None is not known (yet)."""

    name: str  # featurize-<batch>-<attempt> or refit-<snapshot>-<time>
    state: str
    started_at: datetime | None
    seconds: float | None = None
    keys: int | None = None
    images: Mapping[str, int] = field(default_factory=dict)
    fallbacks: Mapping[str, int] | None = None  # objects that boto3 read instead of obstore, by reason
    deferred: int = 0  # keys that the express lane left to the cluster
    careful: int | None = None  # images that were decoded in a child process
    billed: BilledHours | None = None
    cost: float | None = None
    currency: str | None = None
    run_id: str | None = None
    details: str = ""
    lane: Lane | None = None  # of a featurize run; None for a refit

    @property
    def batch(self) -> str:
        """The id of its batch, or the name of a refit."""
        return self.name.removeprefix(FEATURIZE_PREFIX).rpartition("-")[0] if self.is_featurize else self.name

    @property
    def attempt(self) -> int | None:
        """The number of its attempt at the batch; None for a refit."""
        return int(self.name.rpartition("-")[2]) if self.is_featurize else None

    @property
    def is_featurize(self) -> bool:
        return self.name.startswith(FEATURIZE_PREFIX)

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        billed = vars(self.billed) if self.billed else None
        return {
            **vars(self),
            "images": dict(self.images),
            "billed": billed,
            "batch": self.batch,
            "attempt": self.attempt,
        }


@dataclass(frozen=True)
class LastRefit:
    """The content of `results/latest.json`, and the run that wrote it; None if that run has no bill."""

    latest: Mapping[str, Any]
    run: Run | None

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        return {**self.latest, "run": self.run.document() if self.run else None}
