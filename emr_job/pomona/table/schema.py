"""The columns and properties of the feature table, and the changes of its rows, as Arrow batches."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FLOATS = {"type": "list", "element-id": 0, "element": "float", "element-required": False}
# column → (Arrow's type, Iceberg's type)
COLUMNS = {
    "key": (pa.string(), "string"),
    "bucket": (pa.string(), "string"),
    "label": (pa.string(), "string"),
    "etag": (pa.string(), "string"),
    "size": (pa.int64(), "long"),
    "last_modified": (pa.timestamp("us", tz="UTC"), "timestamptz"),
    "width": (pa.int32(), "int"),
    "height": (pa.int32(), "int"),
    "backbone": (pa.string(), "string"),
    "features": (pa.list_(pa.float32()), FLOATS),
    "error": (pa.string(), "string"),
    "featurized_at": (pa.timestamp("us", tz="UTC"), "timestamptz"),
    "batch_id": (pa.string(), "string"),
}
ROWS = pa.schema([(name, arrow_type) for name, (arrow_type, _) in COLUMNS.items()])
PARTITIONED = (
    "the feature table has or had partitions: another program has altered it, and runs write a table without any; "
    "remove the table from Glue, and run `pomona backfill` to compute every row again"
)
CHANGES = ROWS.append(pa.field("gone", pa.bool_()))
"""A row to write; or, with `gone`, the key of a row to delete."""
POSITIONS = pa.schema(
    [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"}),
    ]
)
"""The columns of Iceberg's position deletes, with the field ids that its specification reserves for them."""
FILE_BYTES = 128 * 2**20
"""Size of the table's data files, about."""
PROPERTIES = {
    "format-version": "2",
    # runs write position deletes themselves; this is for whoever changes rows by SQL
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    "write.delete.mode": "merge-on-read",
    "write.merge.isolation-level": "serializable",
    "write.delete.granularity": "partition",
    "write.target-file-size-bytes": str(FILE_BYTES),
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    # a run skips a file by its first and last key; the keys of a day share a long prefix
    "write.metadata.metrics.column.key": "truncate(64)",
}
"""Properties of the table."""

Row = dict[str, Any]


def rows_to_write(changes: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows (ROWS) among CHANGES; the others only name keys whose rows go."""
    return changes.filter(pc.invert(changes["gone"])).drop_columns("gone")


def table_schema() -> dict[str, Any]:
    """Return the table's columns in Iceberg's JSON notation. A new table numbers them itself."""
    fields = [
        {"id": number, "name": name, "required": False, "type": iceberg_type}
        for number, (name, (_, iceberg_type)) in enumerate(COLUMNS.items(), 1)
    ]
    return {"type": "struct", "schema-id": 0, "fields": fields}


def label_of(key: str) -> str | None:
    """Return the name of the key's parent folder in Unicode's form NFC; None at the top level.

    macOS writes é as e and an accent, other systems as one character: both are the same folder, so the same label.
    """
    folder, _, _ = key.rpartition("/")
    return unicodedata.normalize("NFC", folder.rpartition("/")[2]) or None


class RowBatch:
    """Collects changes until there are enough of them for one Arrow batch."""

    def __init__(self, constants: Row, width: int, size: int) -> None:
        self._constants = constants
        self._features: npt.NDArray[np.float32] = np.empty((size, width), np.float32)
        self._rows: list[Row] = []
        self._featured = 0

    def add(self, row: Row, features: npt.NDArray[np.float32] | None = None) -> Iterator[pa.RecordBatch]:
        """Add a change, and yield the batch if that fills it."""
        if features is not None:
            self._features[self._featured] = features
            self._featured += 1
        self._rows.append({**self._constants, "gone": False, "featurized_at": datetime.now(UTC), **row})
        if len(self._rows) == len(self._features):
            yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Yield what has been collected so far, if anything."""
        if self._rows:
            columns = [self._column(field) for field in CHANGES]
            yield pa.RecordBatch.from_arrays(columns, schema=CHANGES)
            self._rows, self._featured = [], 0

    def _column(self, field: pa.Field) -> pa.Array:
        if field.name == "features":
            return self._feature_lists()
        return pa.array([row.get(field.name) for row in self._rows], field.type)

    def _feature_lists(self) -> pa.Array:
        """Return the column `features`, null for a row with an error: zeros would count as an image in the PCA."""
        width = self._features.shape[1]
        missing = np.array([row.get("error") is not None or row["gone"] for row in self._rows])
        lengths = np.where(missing, 0, width)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = pa.array(self._features[: self._featured].ravel().copy())
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))
