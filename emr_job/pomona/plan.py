"""How a batch is cut into tasks, and what each key's task is told that the table knows of it."""

import math
import zlib

import pyarrow as pa

from pomona.fetching import DirtyKey

# fewer keys than this are not worth asking for another executor: images take milliseconds, executors a minute
LEAST_KEYS_A_TASK = 100
# more than this, and a task that got the large images holds the run up
MOST_KEYS_A_TASK = 250


def partitions(keys: int, slots: int) -> int:
    """How many tasks: few for few keys, else as many rounds over all `slots` as MOST_KEYS_A_TASK asks for."""
    at_once = min(slots, math.ceil(keys / LEAST_KEYS_A_TASK))
    rounds = math.ceil(keys / (max(at_once, 1) * MOST_KEYS_A_TASK))
    return max(at_once * rounds, 1)


def plan(keys: list[str], known: pa.Table, label: str) -> list[DirtyKey]:
    """What the tasks have to look at; `known` has columns key, etag and backbone, `label` is the present backbone's.

    The keys come in the order of their checksum: neighbours in a folder, often of one size, are spread over the tasks.
    """
    rows = {row["key"]: row for row in known.select(["key", "etag", "backbone"]).to_pylist()}
    ordered = sorted(keys, key=lambda key: zlib.crc32(key.encode()))
    return [_dirty(key, rows.get(key), label) for key in ordered]


def _dirty(key: str, row: dict[str, str | None] | None, label: str) -> DirtyKey:
    if row is None:
        return DirtyKey(key, etag=None, known=False)
    etag = row["etag"] if row["backbone"] == label else None
    return DirtyKey(key, etag, known=True, row_etag=row["etag"])
