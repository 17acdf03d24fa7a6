"""What the metadata of the feature table tells without reading a row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pomona_cli.stack.stack import Stack
from pomona_intake.schedules.table_history import changed_since, row_count
from pomona_intake.schedules.table_metadata import TableMetadata

_LEAST_ROWS = 2  # of a PCA


@dataclass(frozen=True)
class TableFacts:
    """The table at its current snapshot."""

    images: int  # its rows
    metadata: Mapping[str, Any]

    def needs_refit(self, fitted_snapshot_id: int | None) -> bool:
        """Return True if the rows can be fitted and have changed since that snapshot; None: no refit yet."""
        return self.images >= _LEAST_ROWS and changed_since(self.metadata, fitted_snapshot_id)

    @property
    def is_tiny(self) -> bool:
        """Return True if the table has too few rows for a PCA."""
        return self.images < _LEAST_ROWS


def read_table_facts(stack: Stack) -> TableFacts | None:
    """Return the facts; None without the permission to see them. A table that no run has created has no images."""
    database, _, table = stack.table_name.partition(".")
    try:
        metadata = TableMetadata(stack.client("glue"), stack.lake, database, table).read()
    except (ClientError, BotoCoreError):
        return None
    return TableFacts(row_count(metadata), metadata)


@dataclass(frozen=True)
class RefitCounts:
    """What the last refit counted in the table. A field is None if the release of that refit did not record it."""

    images: int | None
    with_features: int | None
    errors: int | None
    classes: int | None

    @classmethod
    def of(cls, latest: Mapping[str, Any]) -> "RefitCounts":
        """Return the counts in `results/latest.json`."""
        return cls(latest.get("images"), latest.get("rows"), latest.get("errors"), latest.get("classes"))

    def document(self) -> dict[str, int | None]:
        """Return the fields for --json."""
        return asdict(self)
