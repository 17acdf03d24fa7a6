"""Sorting more rows than fit into memory, in a temporary SQLite database."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

import pyarrow as pa

_ROWS_AT_ONCE = 1000


def sort_by_key(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the batches, which have this schema, sorted by their column `key`."""
    names = ", ".join(f'"{name}"' for name in schema.names)
    marks = ", ".join("?" * len(schema.names))
    with closing(sqlite3.connect("")) as database:  # an empty name makes a temporary file, which SQLite deletes
        database.execute(f"CREATE TABLE found ({names})")
        for batch in batches:
            stored = zip(*(_stored(column) for column in batch.columns), strict=True)
            database.executemany(f"INSERT INTO found VALUES ({marks})", stored)  # noqa: S608 (question marks)
        rows = database.execute('SELECT * FROM found ORDER BY "key"')
        while chunk := rows.fetchmany(_ROWS_AT_ONCE):
            columns = [
                _restored(values, field.type) for values, field in zip(zip(*chunk, strict=True), schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _stored(column: pa.Array) -> list[object]:
    """Return the values as SQLite stores them: a timestamp becomes its number of units since 1970."""
    plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return list(plain.to_pylist())


def _restored(values: Iterable[object], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
