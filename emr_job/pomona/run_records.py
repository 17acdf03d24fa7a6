"""The records that the featurize runs left under `runs/` in the lake, for the report."""

import json
import logging
from typing import Any

from pomona.objects import read_bytes
from pomona.results import keys_under

FORMAT = 1
SHOWN_RUNS = 50
log = logging.getLogger("refit")


def latest_runs(bucket: str) -> tuple[list[dict[str, Any]], int]:
    """The records of the latest runs, newest first, and how many runs there are in all.

    A record's name starts with the time of its batch. One of an unknown format, or damaged, is left out with a warning.
    """
    keys = sorted(key for key in keys_under(bucket, "runs/") if key.endswith(".json"))
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
