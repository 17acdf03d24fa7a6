"""The feature table through pyiceberg: the rows of some keys at one snapshot, and a commit to that very snapshot."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Self

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import AlwaysFalse, And, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual, Or
from pyiceberg.manifest import DataFile as TableFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from pomona.errors import MisconfiguredError, PublishRefusedError
from pomona.pyiceberg_table.catalog import load_or_create_table
from pomona.pyiceberg_table.data_files import data_files
from pomona.pyiceberg_table.key_cache import KeyCache
from pomona.pyiceberg_table.manifest_entries import data_entry, deletes_entry
from pomona.pyiceberg_table.row_delta import commit_files
from pomona.s3.objects import bucket_and_key, write_bytes
from pomona.table.branch_names import branch_name
from pomona.table.field_ids import with_field_ids
from pomona.table.key_ranges import KEY_RANGES, key_ranges
from pomona.table.parquet_files import parquet_bytes
from pomona.table.row_lookup import KNOWN_ROWS, positions, rows_of_keys
from pomona.table.schema import PARTITIONED, ROWS
from pomona.table.small_files import CommittedFiles
from pomona_contract.run_names import RunName

MOST_FILES, MOST_ROWS = 512, 5_000_000
"""Data files, and rows in them, among which keys are looked up; with more, the batch is left to the cluster."""
NO_RETRY = {"commit.retry.num-retries": "0"}
"""pyiceberg's own retry would append to whatever the table is by then, where the looked-up rows may have changed."""
_KEYS = KeyCache()


class TooManyFilesError(Exception):
    """The keys may lie in so many data files that the lookup is left to the cluster."""


@dataclass(frozen=True)
class PyIcebergTable:
    """The feature table as it was when it was opened. Nothing of it changes but by `commit`, once."""

    table: Table

    @classmethod
    def open(cls, lake_bucket: str, database: str, name: str) -> Self:
        """Return the table as it is now; create it if there is none.

        Raises:
            MisconfiguredError: the table is not as a run creates it.
        """
        table = load_or_create_table(lake_bucket, database, name)
        if len(table.specs()) > 1 or not table.spec().is_unpartitioned():
            raise MisconfiguredError(PARTITIONED)
        # only in memory: a commit sends what it changes, and no property is among that
        properties = {**table.metadata.properties, **NO_RETRY}
        table.metadata = table.metadata.model_copy(update={"properties": properties})
        return cls(table)

    def find_rows(self, bucket: str, keys: list[str]) -> pa.Table:
        """Return the rows of these keys of the bucket, as row_lookup.KNOWN_ROWS.

        Raises:
            TooManyFilesError: too many files may have these keys.
            MisconfiguredError: the table has a file of a kind that no run writes.
        """
        snapshot = self.table.current_snapshot()
        if snapshot is None or not keys:
            return KNOWN_ROWS.empty_table()
        files = data_files(self.table, snapshot.snapshot_id, _in_any_range(keys))
        rows = sum(file.rows for file in files)
        if len(files) > MOST_FILES or rows > MOST_ROWS:
            raise TooManyFilesError(f"the keys may lie in {len(files)} data files with {rows:,} rows")
        return rows_of_keys(_KEYS.files_with_any(files, keys), bucket, pa.array(keys, pa.string()))

    def write(self, run: RunName, rows: Iterable[pa.RecordBatch]) -> TableFile | None:
        """Write rows (schema.ROWS) as a data file, and return its manifest entry; None without rows.

        Until it is committed, the file belongs to no snapshot. It lies in a folder of this attempt, from which the
        maintenance of a later run removes what no snapshot has.
        """
        numbered = with_field_ids(ROWS, _ids_of(self.table.schema()))
        body = parquet_bytes(pa.RecordBatch.from_arrays(batch.columns, schema=numbered) for batch in rows)
        return None if body is None else data_entry(self.table, self._put(run, body), body)

    def write_deletes(self, run: RunName, rows: pa.Table) -> TableFile | None:
        """Write where these rows (row_lookup.KNOWN_ROWS) lie as a delete file, and return its manifest entry.

        Returns None without rows. As `write` otherwise.
        """
        body = parquet_bytes(positions(rows).to_batches())
        return None if body is None else deletes_entry(self.table, self._put(run, body), body)

    def _put(self, run: RunName, body: bytes) -> str:
        """Write a file in a folder of the attempt, and return its address."""
        folder = f"{branch_name(run.batch_id, run.attempt)}-{uuid.uuid4().hex}"
        location = str(self.table.location_provider().new_data_location(f"{folder}/{uuid.uuid4()}.parquet"))
        write_bytes(*bucket_and_key(location), body)
        return location

    def commit(self, files: Iterable[TableFile | None], properties: dict[str, str]) -> int:
        """Commit data files and delete files to the snapshot that was opened; return the id of the new snapshot.

        Without a file this commits too: an empty snapshot shows rivals that this run was here.

        Raises:
            PublishRefusedError: somebody has committed to the table since it was opened.
        """
        try:
            return commit_files(self.table, [file for file in files if file is not None], properties)
        except CommitFailedException as error:
            raise PublishRefusedError(f"the table changed during the run, nothing is published: {error}") from error

    def was_published_by(self, properties: dict[str, str]) -> bool:
        """Return True if the snapshot that was opened has these properties in its summary."""
        return properties.items() <= self._summary().items()

    def committed_at(self) -> list[datetime]:
        """Return when each snapshot was committed that the table keeps."""
        return [datetime.fromtimestamp(one.timestamp_ms / 1000, UTC) for one in self.table.metadata.snapshots]

    def branches(self) -> list[str]:
        """Return the names of the table's branches and tags."""
        return list(self.table.metadata.refs)

    def delete_files(self) -> int:
        """Return how many delete files the table's present has."""
        return int(self._summary().get("total-delete-files") or 0)

    def _summary(self) -> dict[str, str]:
        """Return the summary of the present; empty without a snapshot."""
        snapshot = self.table.current_snapshot()
        return dict(snapshot.summary.additional_properties) if snapshot is not None and snapshot.summary else {}

    def committed_files(self) -> Iterator[CommittedFiles]:
        """Yield what each snapshot that led to the present has committed, the newest first, as far as they are kept."""
        snapshot = self.table.current_snapshot()
        while snapshot is not None:
            summary = snapshot.summary
            if summary is not None:
                yield CommittedFiles.of(str(summary.operation.value), summary.additional_properties)
            parent = snapshot.parent_snapshot_id
            snapshot = None if parent is None else self.table.snapshot_by_id(parent)


def _in_any_range(keys: list[str]) -> BooleanExpression:
    ranges = key_ranges(keys, KEY_RANGES)
    inside = [And(GreaterThanOrEqual("key", low), LessThanOrEqual("key", high)) for low, high in ranges]
    return reduce(Or, inside, AlwaysFalse())


def _ids_of(schema: Schema) -> Any:  # noqa: ANN401 - a function of a path
    by_path = {schema.find_column_name(number): number for number in schema.field_ids}
    return by_path.get
