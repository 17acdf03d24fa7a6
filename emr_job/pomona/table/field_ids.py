"""The field ids that Iceberg gives the columns of a table: its Parquet files name them."""

from collections.abc import Callable

import pyarrow as pa

from pomona.errors import MisconfiguredError

FIELD_ID = "PARQUET:field_id"


def with_field_ids(rows: pa.Schema, id_of: Callable[[str], int | None]) -> pa.Schema:
    """Return the schema `rows` with the field ids of a table's columns.

    Args:
        rows: the columns.
        id_of: returns the id of a column by its path, such as `features.element`; None if the table lacks it.

    Raises:
        MisconfiguredError: the table lacks a column.
    """
    return pa.schema([_numbered(id_of, field, field.name) for field in rows])


def _numbered(id_of: Callable[[str], int | None], field: pa.Field, path: str) -> pa.Field:
    number = id_of(path)
    if number is None:
        raise MisconfiguredError(
            f"the feature table has no column {path}: another program has altered it; add the column again"
        )
    if pa.types.is_list(field.type):
        element = _numbered(id_of, pa.field("element", field.type.value_type), f"{path}.element")
        field = field.with_type(pa.list_(element))
    return field.with_metadata({FIELD_ID: str(number)})
