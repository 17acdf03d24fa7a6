"""Looks up the rows of some keys in data files, of which only the narrow columns are fetched."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pomona.table.scan import KEY_SCAN, DataFile, located_rows
from pomona.table.schema import POSITIONS

LOOKUP_COLUMNS = ["key", "label", "etag", "backbone", "error"]
COLUMNS = [*LOOKUP_COLUMNS, "bucket"]
KNOWN_ROWS = pa.schema([*((name, pa.string()) for name in LOOKUP_COLUMNS), ("file", pa.string()), ("row", pa.int64())])
"""A row of the table, the address of its data file, and its position in that file."""


def joined(keys: Iterable[pa.Array]) -> pa.Array:
    """Return some arrays of keys as one, which is empty without any."""
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def with_keys(known: pa.Table, keys: Iterable[pa.Array]) -> pa.Table:
    """Return those of the known rows (KNOWN_ROWS) that have one of the keys."""
    return known.filter(pc.is_in(known["key"], value_set=joined(keys)))


def positions(rows: pa.Table) -> pa.Table:
    """Return where these rows (KNOWN_ROWS) lie as POSITIONS, in the order that Iceberg asks for."""
    places = rows.select(["file", "row"]).sort_by([("file", "ascending"), ("row", "ascending")])
    return places.rename_columns(POSITIONS.names).cast(POSITIONS)


def rows_of_keys(files: list[DataFile], bucket: str, keys: pa.Array) -> pa.Table:
    """Return the rows of these keys (strings) of the bucket, as KNOWN_ROWS."""
    found = [KNOWN_ROWS.empty_table()]
    for file, numbers, batch in located_rows(files, COLUMNS, KEY_SCAN):
        mask = pc.and_(pc.is_in(batch["key"], value_set=keys), pc.equal(batch["bucket"], bucket))
        rows = batch.append_column("row", pa.array(numbers)).filter(mask)
        addresses = pa.repeat(file.location, rows.num_rows)
        columns = [rows[name] for name in LOOKUP_COLUMNS]
        found.append(pa.table([*columns, addresses, rows["row"]], schema=KNOWN_ROWS))
    return pa.concat_tables(found)
