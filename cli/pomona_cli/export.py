"""`pomona export`: the present table as Parquet or CSV, a data file at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pomona_cli.cells import protected
from pomona_cli.errors import CliError
from pomona_cli.sink import Sink
from pomona_cli.table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.expressions import BooleanExpression

COLUMNS = (
    "key",
    "bucket",
    "label",
    "etag",
    "size",
    "last_modified",
    "width",
    "height",
    "backbone",
    "error",
    "featurized_at",
    "batch_id",
    "features",
)
STDOUT = "-"
_ROWS_PER_GROUP = 10_000


def write_rows(
    table: FeatureTable, where: "BooleanExpression", target: str, kind: str, tell: "Callable[[int], None]"
) -> int:
    """Write the rows that match to a file, or to stdout (`-`), and give their number; `tell` hears of them as they go.

    A file is there when it is whole: until then the rows are in one beside it, which goes when the export ends early.
    What is no file, such as a device or a named pipe, is written to as it is: it must not be replaced by one.
    """
    write = {"parquet": _write_parquet, "csv": _write_csv}[kind]
    with _target(target) as sink:
        return write(table, where, sink, tell)


@contextmanager
def _target(target: str) -> Iterator[IO[bytes]]:
    if target == STDOUT:
        yield sys.stdout.buffer
        return
    named = Path(target)
    write = _written if named.exists() and not named.is_file() else _replaced
    try:
        with write(named) as sink:
            yield sink
    except OSError as error:
        if error.filename is None:
            raise
        raise CliError(f"{target} cannot be written: {error.strerror}.") from error


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    with BufferedWriter(Sink(path, str(path))) as sink:
        yield sink


@contextmanager
def _replaced(link: Path) -> Iterator[IO[bytes]]:
    path = Path(os.path.realpath(link))  # the file that a link leads to is replaced, and not the link
    partial = path.with_name(f"{path.name}.partial")
    try:
        with _written(partial) as sink:
            yield sink
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_parquet(table: FeatureTable, where: Any, sink: IO[bytes], tell: Any) -> int:  # noqa: ANN401
    rows = 0
    schema = table.schema(COLUMNS)
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in table.batches(COLUMNS, where):
            writer.write_batch(batch, row_group_size=_ROWS_PER_GROUP)
            rows += batch.num_rows
            tell(batch.num_rows)
    return rows


def _write_csv(table: FeatureTable, where: Any, sink: IO[bytes], tell: Any) -> int:  # noqa: ANN401
    rows = 0
    width = feature_width(table, where)
    schema = pa.schema([*_texts(table.schema(COLUMNS)), *(pa.field(f"f{n}", pa.float32()) for n in range(width))])
    with csv.CSVWriter(sink, schema) as writer:
        for batch in table.batches(COLUMNS, where):
            writer.write_batch(_flat(batch, width, schema))
            rows += batch.num_rows
            tell(batch.num_rows)
    return rows


def _texts(schema: pa.Schema) -> list[pa.Field]:
    return [field for field in schema if field.name != "features"]


def feature_width(table: FeatureTable, where: "BooleanExpression") -> int:
    """The largest number of features of a row that matches: one row of each backbone is looked at."""
    from pyiceberg.expressions import And, EqualTo, IsNull

    featured = And(where, IsNull("error"))  # by the features themselves pyiceberg cannot filter
    backbones = {
        name for batch in table.batches(("backbone",), featured) for name in batch.column(0).unique().to_pylist()
    }
    widths = (table.first("features", And(featured, EqualTo("backbone", backbone))) for backbone in sorted(backbones))
    return max((len(features) for features in widths), default=0)


def _flat(batch: pa.RecordBatch, width: int, schema: pa.Schema) -> pa.RecordBatch:
    """The features as `width` columns; a row that has fewer, or none, has empty cells."""
    texts = [protected(batch.column(field.name)) for field in _texts(batch.schema)]
    matrix = _matrix(batch.column("features"), width)
    missing = np.isnan(matrix)
    features = [pa.array(matrix[:, n], mask=missing[:, n]) for n in range(width)]
    return pa.RecordBatch.from_arrays([*texts, *features], schema=schema)


def _matrix(lists: pa.ListArray, width: int) -> np.ndarray:
    matrix = np.full((len(lists), width), np.nan, np.float32)
    lengths = np.diff(lists.offsets.to_numpy())
    for row, (features, length) in enumerate(zip(lists, lengths, strict=True)):
        if features.is_valid:
            matrix[row, :length] = features.values.to_numpy()
    return matrix
