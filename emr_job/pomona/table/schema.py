"""The changes that a task makes, as Arrow batches: the table's columns, and whether the key is gone."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
CHANGES = ROWS.append(pa.field("gone", pa.bool_()))

Row = dict[str, Any]


def table_schema() -> dict[str, Any]:
    """The table's columns in Iceberg's own notation, in which a new table numbers them itself."""
    fields = [
        {"id": number, "name": name, "required": False, "type": iceberg_type}
        for number, (name, (_, iceberg_type)) in enumerate(COLUMNS.items(), 1)
    ]
    return {"type": "struct", "schema-id": 0, "fields": fields}


def label_of(key: str) -> str | None:
    """The name of the key's parent folder, in NFC; None at the top level.

    macOS writes é as e and an accent, other systems as one character: one folder to people, and one label here.
    """
    folder, _, _ = key.rpartition("/")
    return unicodedata.normalize("NFC", folder.rpartition("/")[2]) or None


class RowBatch:
    """Collects rows until there are enough of them for one Arrow batch."""

    def __init__(self, constants: Row, width: int, size: int) -> None:
        self._constants = constants
        self._features: npt.NDArray[np.float32] = np.empty((size, width), np.float32)
        self._rows: list[Row] = []
        self._featured = 0

    def add(self, row: Row, features: npt.NDArray[np.float32] | None = None) -> Iterator[pa.RecordBatch]:
        """Take in a row; gives a batch when that filled it."""
        if features is not None:
            self._features[self._featured] = features
            self._featured += 1
        self._rows.append({**self._constants, "gone": False, "featurized_at": datetime.now(UTC), **row})
        if len(self._rows) == len(self._features):
            yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """What has been collected so far, unless that is nothing."""
        if self._rows:
            columns = [self._column(field) for field in CHANGES]
            yield pa.RecordBatch.from_arrays(columns, schema=CHANGES)
            self._rows, self._featured = [], 0

    def _column(self, field: pa.Field) -> pa.Array:
        if field.name == "features":
            return self._feature_lists()
        return pa.array([row.get(field.name) for row in self._rows], field.type)

    def _feature_lists(self) -> pa.Array:
        """A row with an error has no list: one of zeros would pass for an image in the PCA."""
        width = self._features.shape[1]
        missing = np.array([row.get("error") is not None or row["gone"] for row in self._rows])
        lengths = np.where(missing, 0, width)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = pa.array(self._features[: self._featured].ravel().copy())
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))
