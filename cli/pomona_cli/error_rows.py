"""`pomona errors`: the images that could not be read, and why."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as csv

from pomona_cli.cells import protected
from pomona_cli.table import FeatureTable
from pomona_cli.terminal import escaped

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

COLUMNS = ("key", "error", "size", "last_modified", "backbone", "featurized_at", "batch_id")


def batches(table: FeatureTable, where: "BooleanExpression") -> Iterator[pa.RecordBatch]:
    """The rows with an error among those that match; files without any are not opened."""
    from pyiceberg.expressions import And, NotNull

    return table.batches(COLUMNS, And(where, NotNull("error")))


def documents(table: FeatureTable, where: "BooleanExpression") -> Iterator[dict[str, Any]]:
    """The same, a dictionary each."""
    return (row for batch in batches(table, where) for row in batch.to_pylist())


def write_csv(table: FeatureTable, where: "BooleanExpression") -> None:
    """The same as CSV to stdout; what a terminal would obey is escaped if stdout is one."""
    with csv.CSVWriter(sys.stdout.buffer, table.schema(COLUMNS)) as writer:
        for batch in batches(table, where):
            columns = [protected(_harmless(column)) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=batch.schema))


def _harmless(column: pa.Array) -> pa.Array:
    if not sys.stdout.isatty() or not pa.types.is_string(column.type):
        return column
    return pa.array([None if text is None else escaped(text) for text in column.to_pylist()], pa.string())
