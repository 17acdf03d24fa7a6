"""The batch that a run works on: is this attempt still in flight, and which keys are dirty."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pomona.errors import MisconfiguredError, SupersededError
from pomona.objects import read_bytes, read_json

ACTIVE = "queue/active.json"
MAINTENANCE = "-maintenance-"  # in the name of a segment without keys
FORMAT = 1
SEGMENTS_AT_ONCE = 16


@dataclass(frozen=True)
class Batch:
    """What `active.json` and its segments say."""

    keys: list[str]
    """Dirty keys of the images bucket, each once."""
    foreign: int
    """Dirty keys of other buckets: this run may not look at them, so it cannot settle them."""
    maintenance: bool
    """Whether one of the segments asks for the table's maintenance."""
    segments_missing: int
    """Segments that a settle removed after the claim was made from a stale listing: their keys are done."""


def require_in_flight(lake_bucket: str, batch_id: str, attempt: int) -> dict[str, Any]:
    """The document of the batch in flight; SupersededError unless it is this very attempt of this batch."""
    active = read_json(lake_bucket, ACTIVE)
    if active is None:
        raise SupersededError(f"batch {batch_id} attempt {attempt} is not in flight: no batch is")
    if active.get("format") != FORMAT:
        raise MisconfiguredError(f"{ACTIVE} has format {active.get('format')!r}, this job reads format {FORMAT}")
    if (active["batch_id"], active["attempt"]) != (batch_id, attempt):
        raise SupersededError(
            f"batch {batch_id} attempt {attempt} is not in flight: "
            f"batch {active['batch_id']} attempt {active['attempt']} is"
        )
    return active


def read_batch(lake_bucket: str, images_bucket: str, active: dict[str, Any]) -> Batch:
    """Read the segments of the batch in flight, several at a time."""
    names = [segment["name"] for segment in active["segments"]]
    with ThreadPoolExecutor(SEGMENTS_AT_ONCE) as pool:
        bodies = list(pool.map(partial(read_bytes, lake_bucket), names))
    found = [(name, body) for name, body in zip(names, bodies, strict=True) if body is not None]
    dirty = dict.fromkeys(pair for name, body in found for pair in _pairs(name, body))
    keys = [key for bucket, key in dirty if bucket == images_bucket]
    return Batch(
        keys,
        foreign=len(dirty) - len(keys),
        maintenance=any(MAINTENANCE in name for name in names),
        segments_missing=len(names) - len(found),
    )


def _pairs(name: str, body: bytes) -> Iterable[tuple[str, str]]:
    for line in body.splitlines():
        if not line.strip():
            continue
        dirty = json.loads(line)
        if dirty.get("v") != FORMAT:
            raise MisconfiguredError(f"the segment {name} has version {dirty.get('v')!r}, this job reads {FORMAT}")
        yield dirty["bucket"], dirty["key"]
