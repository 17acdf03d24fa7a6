"""How a batch is cut into tasks, and what each key's task is told that the table knows of it."""

import math
import zlib

import pyarrow as pa

# fewer keys than this are not worth asking for another executor: images take milliseconds, executors a minute
LEAST_KEYS_A_TASK = 100
# more than this, and a task that got the large images holds the run up
MOST_KEYS_A_TASK = 250


def partitions(keys: int, slots: int) -> int:
    """How many tasks: few for few keys, else as many rounds over all `slots` as MOST_KEYS_A_TASK asks for."""
    at_once = min(slots, math.ceil(keys / LEAST_KEYS_A_TASK))
    rounds = math.ceil(keys / (max(at_once, 1) * MOST_KEYS_A_TASK))
    return max(at_once * rounds, 1)


def plan(keys: list[str], known: pa.Table, label: str) -> pa.Table:
    """Columns key, etag (of a row made by the backbone `label`, else null), known (whether there is a row).

    The keys come in the order of their checksum: neighbours in a folder, often of one size, are spread over the tasks.
    """
    rows = {row["key"]: row for row in known.to_pylist()}
    ordered = sorted(keys, key=lambda key: zlib.crc32(key.encode()))
    etags = [row["etag"] if (row := rows.get(key)) and row["backbone"] == label else None for key in ordered]
    return pa.table(
        {
            "key": pa.array(ordered, pa.string()),
            "etag": pa.array(etags, pa.string()),
            "known": pa.array([key in rows for key in ordered], pa.bool_()),
        }
    )
