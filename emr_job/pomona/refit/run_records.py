"""Reads the records of featurize runs and the bills of both jobs under `runs/` in the lake, for the report."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pomona.s3.objects import list_objects, read_bytes
from pomona_contract.documents import bill, run_record
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import BILL_ENDING, RECORD_ENDING, RUNS
from pomona_contract.run_names import REFIT_PREFIX
from pomona_contract.versions import Format

SHOWN_RUNS = 50
SHOWN_REFITS = 20
_READS_AT_ONCE = 8
log = logging.getLogger("pomona.refit")


@dataclass(frozen=True)
class RecordedRun:
    """A run's record and its bill. Either is empty if it is missing: a run that failed early has no record."""

    name: str
    """A refit's name, or batch and attempt."""
    record: dict[str, Any] = field(default_factory=dict)
    bill: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedRuns:
    """The latest runs, newest first, and how many there are in all."""

    featurize: list[RecordedRun] = field(default_factory=list)
    all_featurize: int = 0
    refits: list[RecordedRun] = field(default_factory=list)
    all_refits: int = 0


def recorded_runs(bucket: str) -> RecordedRuns:
    """Return the latest runs of both jobs that left a record or a bill.

    A damaged document, or one of an unknown format, is left out with a warning.
    """
    keys = {key for key, _ in list_objects(bucket, RUNS) if key.endswith(RECORD_ENDING)}
    names = {key.removeprefix(RUNS).removesuffix(BILL_ENDING).removesuffix(RECORD_ENDING) for key in keys}
    refits = sorted((name for name in names if name.startswith(REFIT_PREFIX)), key=lambda name: name.rpartition("-")[2])
    featurize = sorted(name for name in names if not name.startswith(REFIT_PREFIX))  # a batch's id begins with its time
    return RecordedRuns(
        _read(bucket, featurize[-SHOWN_RUNS:], keys),
        len(featurize),
        _read(bucket, refits[-SHOWN_REFITS:], keys),
        len(refits),
    )


def _read(bucket: str, names: list[str], keys: set[str]) -> list[RecordedRun]:
    def documents(name: str) -> Iterable[dict[str, Any]]:
        places = ((RECORD_ENDING, run_record.FORMAT), (BILL_ENDING, bill.FORMAT))
        found = ((f"{RUNS}{name}{ending}", form) for ending, form in places)
        return (_document(bucket, key, form) if key in keys else {} for key, form in found)

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        runs = pool.map(lambda name: RecordedRun(name, *documents(name)), reversed(names))
        return [run for run in runs if run.record or run.bill]


def _document(bucket: str, key: str, form: Format) -> dict[str, Any]:
    try:
        return form.decode_fields(key, read_bytes(bucket, key) or b"")
    except FormatError as error:
        log.warning("%s The report leaves it out.", error)
        return {}
