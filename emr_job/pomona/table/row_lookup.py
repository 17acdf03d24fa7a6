"""Looks up the rows of some keys in data files, of which only the narrow columns are fetched."""

import pyarrow as pa
import pyarrow.compute as pc

from pomona.table.scan import KEY_SCAN, DataFile, located_rows

LOOKUP_COLUMNS = ["key", "label", "etag", "backbone", "error"]
COLUMNS = [*LOOKUP_COLUMNS, "bucket"]
KNOWN_ROWS = pa.schema([*((name, pa.string()) for name in LOOKUP_COLUMNS), ("file", pa.string()), ("row", pa.int64())])
"""A row of the table, the address of its data file, and its position in that file."""


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
