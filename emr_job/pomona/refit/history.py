"""What is left of earlier refits in the lake, for the history in the report."""

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pomona.refit.run_records import RecordedRun
from pomona.s3.objects import list_objects, read_bytes
from pomona_contract.lake_layout import EVALUATION, MODEL_DOCUMENT, RESULTS
from pomona_contract.run_names import REFIT_PREFIX
from pomona_contract.times import unstamp

SHOWN_HISTORY = 14
_READS_AT_ONCE = 8
log = logging.getLogger("pomona.refit")


@dataclass(frozen=True)
class PastRefit:
    """The figures of one refit; None is not known."""

    refitted_at: str
    rows: int | None
    errors: int | None
    classes: int | None
    variance: float | None
    accuracy: float | None
    cost: float | None
    currency: str | None

    @classmethod
    def of(cls, model: Mapping[str, Any], evaluation: Mapping[str, Any], bill: Mapping[str, Any]) -> Self:
        """Return the figures of a model.json, and of an evaluation.json and a bill, which may be empty."""
        return cls(
            refitted_at=str(model["refitted_at"]),
            rows=_whole(model.get("rows")),
            errors=_whole(model.get("errors")),
            classes=_whole(model.get("classes")),
            variance=_real(model.get("variance")),
            accuracy=_real(evaluation.get("accuracy")),
            cost=_real(bill.get("cost")),
            currency=bill.get("currency"),
        )


def past_refits(bucket: str, but: str, refits: Sequence[RecordedRun]) -> list[PastRefit]:
    """Return the figures of the refits whose results are in the lake, newest first, but for those under `but`.

    The costs are of the bills in `refits`, which are newest first. Results that cannot be read are left out.
    """
    keys = {key for key, _ in list_objects(bucket, RESULTS)}
    folders = [
        key.removesuffix(MODEL_DOCUMENT) for key in keys if key.endswith(f"/{MODEL_DOCUMENT}") and key.count("/") == 2
    ]

    def read(folder: str) -> PastRefit | None:
        try:
            model = json.loads(read_bytes(bucket, folder + MODEL_DOCUMENT) or b"{}")
            name = folder + EVALUATION
            evaluation = json.loads(read_bytes(bucket, name) or b"{}") if name in keys else {}
            return PastRefit.of(model, evaluation, _bill(model, refits))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the results in %s cannot be read. The report leaves them out.", folder)
            return None

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = [one for one in pool.map(read, sorted(set(folders) - {but})) if one]
    return sorted(found, key=lambda one: one.refitted_at, reverse=True)[:SHOWN_HISTORY]


def _bill(model: Mapping[str, Any], refits: Sequence[RecordedRun]) -> Mapping[str, Any]:
    """Return the bill of the refit: of the last run of its snapshot that was due before it ended; empty if unknown."""
    for run in refits:  # newest first
        snapshot, _, due = run.name.removeprefix(REFIT_PREFIX).rpartition("-")
        with suppress(ValueError):
            is_before = unstamp(due) <= datetime.fromisoformat(model["refitted_at"])
            if snapshot == str(model.get("snapshot_id")) and is_before and run.bill.get("state") == "SUCCESS":
                return run.bill
    return {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
