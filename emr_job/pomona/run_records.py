"""The records that the featurize runs left under `runs/` in the lake, for the report."""

import json
import logging
from typing import Any

from pomona.objects import list_objects, read_bytes

FORMAT = 1
SHOWN_RUNS = 50
BILLED = ".billed.json"  # what a run cost, written by `advance` beside the run's own record
log = logging.getLogger("pomona.refit")


def latest_runs(bucket: str) -> tuple[list[dict[str, Any]], int]:
    """The records of the latest runs, newest first, and how many runs there are in all.

    A record's name starts with the time of its batch. One of an unknown format, or damaged, is left out with a warning.
    """
    named = sorted(key for key, _ in list_objects(bucket, "runs/") if key.endswith(".json"))
    keys = [key for key in named if not key.endswith(BILLED)]
    records = [_record(bucket, key) for key in reversed(keys[-SHOWN_RUNS:])]
    return [record for record in records if record is not None], len(keys)


def _record(bucket: str, key: str) -> dict[str, Any] | None:
    try:
        record = json.loads(read_bytes(bucket, key) or b"")
    except ValueError:
        record = {}
    if isinstance(record, dict) and record.get("format") == FORMAT:
        return record
    log.warning("%s is no run record of format %d: the report leaves it out", key, FORMAT)
    return None
