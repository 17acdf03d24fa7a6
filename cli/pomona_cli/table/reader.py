"""Reading the feature table through Glue: only the selected columns, one data file at a time."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pomona_cli.errors import CliError
from pomona_cli.stack.stack import Stack

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

_NO_TABLE = "There is no feature table {name} yet: the first run creates it. `pomona status` shows what is pending."


@dataclass(frozen=True)
class TableReader:
    """The table at the snapshot that was current when it was opened."""

    table: "Table"

    def batches(self, columns: Sequence[str], where: "BooleanExpression") -> Iterator[pa.RecordBatch]:
        """Yield the rows that match the filter, with the types of `schema`.

        The memory holds one data file at most. pyiceberg's `to_arrow_batch_reader` would read every file at once and
        keep the batches that the caller has not taken yet.
        """
        from pyiceberg.io.pyarrow import ArrowScan

        scan = self.table.scan(row_filter=where, selected_fields=tuple(columns))
        schema = self.schema(columns)
        reader = ArrowScan(self.table.metadata, self.table.io, scan.projection(), scan.row_filter)
        for task in scan.plan_files():
            for batch in reader.to_record_batches([task]):
                yield batch.select(columns).cast(schema)

    def first(self, column: str, where: "BooleanExpression") -> Any:  # noqa: ANN401 - a value of the table
        """Return the column's value in one row that matches, None if no row does."""
        for batch in self.batches((column,), where):
            if batch.num_rows:
                return batch.column(column)[0].as_py()
        return None

    def count(self, where: "BooleanExpression") -> int:
        """Return the number of rows that match; without a filter only files with deleted rows are read."""
        return int(self.table.scan(row_filter=where, selected_fields=("key",)).count())

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the schema of the batches that have these columns."""
        found = self.table.scan(selected_fields=tuple(columns)).projection().as_arrow()
        return pa.schema([_plain_field(found.field(name)) for name in columns])

    def keys(self, where: "BooleanExpression") -> Iterator[str]:
        """Yield the keys of the rows that match."""
        for batch in self.batches(("key",), where):
            yield from batch.column("key").to_pylist()


def open_table(stack: Stack) -> TableReader:
    """Return the feature table of the stack; CliError if no run has created it yet."""
    found = find_table(stack)
    if found is None:
        raise CliError(_NO_TABLE.format(name=stack.table_name))
    return found


def find_table(stack: Stack) -> TableReader | None:
    """Return the feature table of the stack, None if no run has created it yet."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return TableReader(_catalog(stack).load_table(stack.table_name))
    except NoSuchTableError:
        return None


def key_prefix_filter(prefix: str, bucket: str) -> "BooleanExpression":
    """Return the filter for rows of the bucket whose keys begin with the prefix."""
    from pyiceberg.expressions import And, EqualTo, StartsWith

    here = EqualTo("bucket", bucket)
    return And(here, StartsWith("key", prefix)) if prefix else here


def label_filter(where: "BooleanExpression", label: str | None) -> "BooleanExpression":
    """Return the filter narrowed to rows with the label in any Unicode form; unchanged without a label."""
    from pyiceberg.expressions import And, In

    if label is None:
        return where
    # earlier releases stored labels in the form of their keys, not in NFC
    return And(where, In("label", {label, *(unicodedata.normalize(form, label) for form in ("NFC", "NFD"))}))


def _catalog(stack: Stack) -> Any:  # noqa: ANN401 - imported late
    from pyiceberg.catalog.glue import GlueCatalog

    properties = {"client.region": stack.location.region, **_credentials(stack)}
    if stack.location.endpoint:
        properties["s3.endpoint"] = stack.location.endpoint
    return GlueCatalog("lake", stack.client("glue"), **properties)


def _credentials(stack: Stack) -> dict[str, str]:
    """Return boto3's credentials: Arrow's own search ignores AWS sign-in and might find another account's."""
    found = stack.session.get_credentials()
    if found is None:
        return {}
    frozen = found.get_frozen_credentials()
    names = {"access-key-id": frozen.access_key, "secret-access-key": frozen.secret_key, "session-token": frozen.token}
    return {f"client.{name}": value for name, value in names.items() if value}


def _plain_field(found: pa.Field) -> pa.Field:
    """Return the field with an ordinary string or list in place of a large one, which some Parquet readers lack."""
    kind = found.type
    if pa.types.is_large_string(kind):
        kind = pa.string()
    elif pa.types.is_large_list(kind) or pa.types.is_list(kind):
        kind = pa.list_(pa.float32())
    return pa.field(found.name, kind)
