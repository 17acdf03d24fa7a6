"""The feature table, read through Glue: only the columns that are asked for, one data file at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pomona_cli.errors import CliError
from pomona_cli.stack import Stack

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

NOT_THERE = "There is no feature table {name} yet: the first run makes it. See what is pending with `pomona status`."


@dataclass(frozen=True)
class FeatureTable:
    """The table at the snapshot that was its present when it was opened."""

    table: "Table"

    def batches(self, columns: Sequence[str], where: "BooleanExpression") -> Iterator[pa.RecordBatch]:
        """The rows that match, in the table's own types.

        In memory is never more than one data file, of which only these columns are read: pyiceberg's own reader
        starts on every file of the table at once and keeps what the caller has not taken yet.
        """
        from pyiceberg.io.pyarrow import ArrowScan

        scan = self.table.scan(row_filter=where, selected_fields=tuple(columns))
        schema = self.schema(columns)
        reader = ArrowScan(self.table.metadata, self.table.io, scan.projection(), scan.row_filter)
        for task in scan.plan_files():
            for batch in reader.to_record_batches([task]):
                yield batch.select(columns).cast(schema)

    def first(self, column: str, where: "BooleanExpression") -> Any:  # noqa: ANN401 - a value of the table
        """The column's value in one row that matches, None if there is none."""
        for batch in self.batches((column,), where):
            if batch.num_rows:
                return batch.column(column)[0].as_py()
        return None

    def count(self, where: "BooleanExpression") -> int:
        """How many rows match; of all rows, a data file from which none was deleted tells it without being read."""
        return int(self.table.scan(row_filter=where, selected_fields=("key",)).count())

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """These columns as `batches` gives them."""
        found = self.table.scan(selected_fields=tuple(columns)).projection().as_arrow()
        return pa.schema([_plain_field(found.field(name)) for name in columns])

    def keys(self, where: "BooleanExpression") -> Iterator[str]:
        """The keys of the rows that match; reads no other column than the filter's."""
        for batch in self.batches(("key",), where):
            yield from batch.column("key").to_pylist()


def open_table(stack: Stack) -> FeatureTable:
    """The feature table of the stack; CliError if no run has made it yet."""
    found = find_table(stack)
    if found is None:
        raise CliError(NOT_THERE.format(name=stack.table_name))
    return found


def find_table(stack: Stack) -> FeatureTable | None:
    """The feature table of the stack, None if no run has made it yet."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return FeatureTable(_catalog(stack).load_table(stack.table_name))
    except NoSuchTableError:
        return None


def prefixed(prefix: str, bucket: str) -> "BooleanExpression":
    """Rows of the bucket whose keys begin with the prefix."""
    from pyiceberg.expressions import And, EqualTo, StartsWith

    here = EqualTo("bucket", bucket)
    return And(here, StartsWith("key", prefix)) if prefix else here


def _catalog(stack: Stack) -> Any:  # noqa: ANN401 - imported late
    from pyiceberg.catalog.glue import GlueCatalog

    properties = {"client.region": stack.place.region, **_credentials(stack)}
    if stack.place.endpoint:
        properties["s3.endpoint"] = stack.place.endpoint
    return GlueCatalog("lake", stack.client("glue"), **properties)


def _credentials(stack: Stack) -> dict[str, str]:
    """Those of boto3: Arrow's own search does not know of AWS's sign-in, and must not find another account's."""
    found = stack.session.get_credentials()
    if found is None:
        return {}
    frozen = found.get_frozen_credentials()
    names = {"access-key-id": frozen.access_key, "secret-access-key": frozen.secret_key, "session-token": frozen.token}
    return {f"client.{name}": value for name, value in names.items() if value}


def _plain_field(found: pa.Field) -> pa.Field:
    """Large strings and lists as the ordinary ones, which every reader of Parquet knows."""
    kind = found.type
    if pa.types.is_large_string(kind):
        kind = pa.string()
    elif pa.types.is_large_list(kind) or pa.types.is_list(kind):
        kind = pa.list_(pa.float32())
    return pa.field(found.name, kind)
