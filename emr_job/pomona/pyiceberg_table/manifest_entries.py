"""Manifest entries of files that this process has written, with the counts and bounds of Iceberg's own writers."""

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile as TableFile
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import LongType, NestedField, StringType

from pomona.table.schema import POSITIONS

_FIELD_ID = b"PARQUET:field_id"
_TYPES = (StringType(), LongType())
_POSITIONS = Schema(
    *(
        NestedField(int(field.metadata[_FIELD_ID]), field.name, kind, required=True)
        for field, kind in zip(POSITIONS, _TYPES, strict=True)
    )
)
_WHOLE_BOUNDS = {"write.metadata.metrics.default": "full"}
"""Readers look at the first and last address of a delete file to tell whether a data file is concerned."""


def data_entry(table: Table, location: str, body: bytes) -> TableFile:
    """Return the entry of a data file with the content `body`."""
    return _entry(table, DataFileContent.DATA, (table.schema(), table.metadata.properties), location, body)


def deletes_entry(table: Table, location: str, body: bytes) -> TableFile:
    """Return the entry of a file of position deletes with the content `body`."""
    return _entry(table, DataFileContent.POSITION_DELETES, (_POSITIONS, _WHOLE_BOUNDS), location, body)


def _entry(
    table: Table, content: DataFileContent, columns: tuple[Schema, dict[str, str]], location: str, body: bytes
) -> TableFile:
    schema, properties = columns
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=pq.read_metadata(pa.BufferReader(body)),
        stats_columns=compute_statistics_plan(schema, properties),
        parquet_column_mapping=parquet_path_to_id_mapping(schema),
    )
    # Iceberg's own writers count nothing inside of lists: a count of elements is none of rows
    inside = set(schema.field_ids) - {field.field_id for field in schema.fields}
    for counts in (statistics.value_counts, statistics.null_value_counts, statistics.nan_value_counts):
        for number in inside & counts.keys():
            del counts[number]
    return TableFile.from_args(
        content=content,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=statistics.partition(table.spec(), table.schema()),
        file_size_in_bytes=len(body),
        sort_order_id=None,
        spec_id=table.spec().spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
