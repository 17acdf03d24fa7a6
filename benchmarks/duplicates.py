"""Seconds and memory of `pomona duplicates` on a table with planted copies, without the network.

python -m benchmarks.duplicates [ROWS]

The table is one of Iceberg on this machine's disk, in data files of ROWS_AT_ONCE rows without features. One image in
ONE_IN has an exact copy, another one a near-copy. The command ends with 1 if a planted pair is not found.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import AlwaysTrue

from pomona.identify.neighbours import Neighbours, NeighboursBuilder
from pomona.table.schema import ROWS
from pomona_cli.duplicates.copies import Copies, LookAlikes, find_copies
from pomona_cli.table.reader import TableReader

ROWS_AT_ONCE = 25_000
COMPONENTS = 100
ONE_IN = 50
THRESHOLD = 0.99
NOISE = 0.005
"""Standard deviation of a near-copy, in each component of standard deviation 1: its cosine is about .99999."""
COMMITTED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def index_of(keys: Sequence[str], copies: dict[int, int], seed: int = 7) -> Neighbours:
    """Return random projections in which each row of `copies` is a near-copy of another."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((len(keys), COMPONENTS), dtype=np.float32)
    for row, original in copies.items():
        rows[row] = rows[original] + NOISE * random.standard_normal(COMPONENTS, dtype=np.float32)
    builder = NeighboursBuilder()
    builder.add(keys, ["label"] * len(keys), rows)
    return builder.finish()


def table_of(folder: Path, keys: Sequence[str], exact: dict[int, int]) -> TableReader:
    """Return a table of these keys in which each row of `exact` has the etag of another."""
    catalog = SqlCatalog("bench", uri="sqlite:///:memory:", warehouse=f"file://{folder}")
    catalog.create_namespace("bench")
    table = catalog.create_table("bench.features", ROWS)
    for first in range(0, len(keys), ROWS_AT_ONCE):
        numbers = range(first, min(first + ROWS_AT_ONCE, len(keys)))
        columns: dict[str, list[Any]] = {
            "key": [keys[number] for number in numbers],
            "label": ["label"] * len(numbers),
            "etag": [f"{exact.get(number, number):032x}" for number in numbers],
            "size": [5000] * len(numbers),
            "last_modified": [COMMITTED] * len(numbers),
            "width": [100] * len(numbers),
            "height": [100] * len(numbers),
            "featurized_at": [COMMITTED] * len(numbers),
        }
        arrays = [pa.array(columns.get(field.name, [None] * len(numbers)), field.type) for field in ROWS]
        table.append(pa.Table.from_arrays(arrays, schema=ROWS))
    return TableReader(table)


def measure(rows: int) -> str:
    """Return the line that is printed; ValueError if a planted pair is not in one group."""
    keys = [f"label/{number:07d}.jpg" for number in range(rows)]
    originals = range(0, rows - 2, ONE_IN)
    exact, near = {number + 1: number for number in originals}, {number + 2: number for number in originals}
    with tempfile.TemporaryDirectory() as folder:
        index, table = index_of(keys, near), table_of(Path(folder), keys, exact)
        before, begun = _peak_megabytes(), time.perf_counter()
        alike = LookAlikes.found_in(index, THRESHOLD)
        compared = time.perf_counter()
        found = find_copies(table, AlwaysTrue(), alike, COMMITTED, THRESHOLD)
        _check(found, [(number, number + 1, number + 2) for number in originals], keys)
        ended = time.perf_counter()
    return (
        f"{rows:,} rows of {COMPONENTS} components, {len(found):,} groups: {ended - begun:.1f} s, of it "
        f"{compared - begun:.1f} s to compare all pairs; peak memory {_peak_megabytes()} MB, {before} MB before"
    )


def _check(found: Copies, planted: Sequence[tuple[int, ...]], keys: Sequence[str]) -> None:
    groups = {frozenset(image.key for image in group) for group in found}
    if groups != {frozenset(keys[number] for number in group) for group in planted}:
        raise ValueError("the groups that were found are not those that were planted")


def _peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
