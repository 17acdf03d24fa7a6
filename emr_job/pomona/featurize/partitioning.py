"""How a batch is cut into tasks, and what each key's task is told that the table knows of it."""

import math
import zlib

import pyarrow as pa

from pomona.s3.image_fetcher import KeyToFetch
from pomona.table.row_lookup import TOLD
from pomona.table.schema import label_of
from pomona_contract.image_keys import NOTHING_IGNORED, IgnoredNames

# fewer keys than this are not worth asking for another executor: images take milliseconds, executors a minute
LEAST_KEYS_A_TASK = 100
# more than this, and a task that got the large images holds the run up
MOST_KEYS_A_TASK = 250


def partitions(keys: int, slots: int) -> int:
    """How many tasks: few for few keys, else as many rounds over all `slots` as MOST_KEYS_A_TASK asks for."""
    at_once = min(slots, math.ceil(keys / LEAST_KEYS_A_TASK))
    rounds = math.ceil(keys / (max(at_once, 1) * MOST_KEYS_A_TASK))
    return max(at_once * rounds, 1)


def plan(keys: list[str], known: pa.Table, backbone: str, ignored: IgnoredNames = NOTHING_IGNORED) -> list[KeyToFetch]:
    """What the tasks have to look at: each key with what the table's row says of it.

    The keys come in the order of their checksum: neighbours in a folder, often of one size, are spread over the tasks.

    Args:
        keys: each once.
        known: the rows of these keys, with the columns of known_rows.TOLD.
        backbone: the label of the present backbone.
        ignored: names that are no images.
    """
    rows = {row["key"]: row for row in known.select(TOLD).to_pylist()}
    ordered = sorted(keys, key=lambda key: zlib.crc32(key.encode()))
    return [_dirty(key, rows.get(key), backbone, ignored.matches(key)) for key in ordered]


def _dirty(key: str, row: dict[str, str | None] | None, backbone: str, is_ignored: bool) -> KeyToFetch:
    if row is None:
        return KeyToFetch(key, etag=None, known=False, ignored=is_ignored)
    is_current = row["backbone"] == backbone and row["label"] == label_of(key)
    return KeyToFetch(
        key,
        # an error is read again: a limit, or what this release can read, may be another now
        etag=row["etag"] if is_current and row["error"] is None else None,
        known=True,
        row_etag=row["etag"],
        row_error=row["error"] if is_current else None,
        ignored=is_ignored,
    )
