"""Cuts a batch into tasks, and adds to each key what the table knows of it."""

import math
import zlib

import pyarrow as pa

from pomona.s3.image_fetcher import KeyToFetch
from pomona.table.row_lookup import LOOKUP_COLUMNS
from pomona.table.schema import label_of
from pomona_contract.image_keys import NOTHING_IGNORED, IgnoredNames

# fewer keys are not worth another executor: an image takes milliseconds, an executor's start a minute
LEAST_KEYS_A_TASK = 100
# with more keys, a task that got the large images would delay the run
MOST_KEYS_A_TASK = 250
LEAST_KEYS_AT_THE_END = 16


def partitions(keys: int, slots: int) -> int:
    """Return the number of tasks: few for few keys, otherwise full rounds over all `slots`, MOST_KEYS_A_TASK each."""
    at_once = min(slots, math.ceil(keys / LEAST_KEYS_A_TASK))
    rounds = math.ceil(keys / (max(at_once, 1) * MOST_KEYS_A_TASK))
    return max(at_once * rounds, 1)


def falling_sizes(keys: int, processes: int) -> list[int]:
    """Return how many keys each task gets, for processes that take one task after the other; at least one task.

    Each task begins by waiting for S3, so the first ones are large. The later ones get smaller and smaller, so that no
    process has nothing to do while another one is at its last task.

    Source: C. D. Polychronopoulos, D. J. Kuck, "Guided self-scheduling", IEEE Transactions on Computers 36 (1987).
    """
    sizes: list[int] = []
    while keys > 0:
        share = max(keys // (2 * processes), LEAST_KEYS_AT_THE_END)
        sizes.append(min(share, MOST_KEYS_A_TASK, keys))
        keys -= sizes[-1]
    return sizes or [0]


def plan(keys: list[str], known: pa.Table, backbone: str, ignored: IgnoredNames = NOTHING_IGNORED) -> list[KeyToFetch]:
    """Return each key with what the table's row says of it.

    The keys are ordered by their checksum, which spreads neighbours of a folder, often of one size, over the tasks.

    Args:
        keys: without duplicates.
        known: the rows of these keys, with row_lookup.LOOKUP_COLUMNS.
        backbone: the label of the present backbone.
        ignored: names that are no images.
    """
    rows = {row["key"]: row for row in known.select(LOOKUP_COLUMNS).to_pylist()}
    ordered = sorted(keys, key=lambda key: zlib.crc32(key.encode()))
    return [_dirty(key, rows.get(key), backbone, ignored.matches(key)) for key in ordered]


def _dirty(key: str, row: dict[str, str | None] | None, backbone: str, is_ignored: bool) -> KeyToFetch:
    if row is None:
        return KeyToFetch(key, etag=None, known=False, ignored=is_ignored)
    is_current = row["backbone"] == backbone and row["label"] == label_of(key)
    return KeyToFetch(
        key,
        # an image with an error is read again: the limits, or the supported formats, may have changed
        etag=row["etag"] if is_current and row["error"] is None else None,
        known=True,
        row_etag=row["etag"],
        row_error=row["error"] if is_current else None,
        ignored=is_ignored,
    )
