"""One commit of data files and files of position deletes: what Iceberg calls a row delta.

pyiceberg reads delete files and writes none (0.12): its manifests are of data files alone. This adds what is missing to
its append. Spark, pyiceberg and DuckDB read the result in the tests, which also hold the summaries of the snapshots
against those of Iceberg's own row delta.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyiceberg.manifest import DataFile as TableFile
from pyiceberg.manifest import (
    DataFileContent,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.table import Table, TableMetadata, Transaction
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update import TableUpdate
from pyiceberg.table.update.snapshot import _FastAppendFiles
from pyiceberg.typedef import EMPTY_DICT


def commit_files(table: Table, files: list[TableFile], properties: dict[str, str]) -> int:
    """Add the files to the table's present, and return the id of the new snapshot, whose summary has `properties`.

    Raises:
        CommitFailedException: of pyiceberg; somebody has committed to the table since it was loaded.
    """
    data = [file for file in files if file.content == DataFileContent.DATA]
    deletes = [file for file in files if file.content == DataFileContent.POSITION_DELETES]
    with _Transaction(table) as transaction, _RowDelta(transaction, data, deletes, properties) as update:
        pass
    return int(update.snapshot_id)


def _operation(data: list[TableFile], deletes: list[TableFile]) -> Operation:
    """Return how Iceberg names such a commit (`BaseRowDelta.operation`)."""
    if not deletes:
        return Operation.APPEND
    return Operation.OVERWRITE if data else Operation.DELETE


class _Transaction(Transaction):  # type: ignore[misc]
    """Works out the metadata once for each update.

    pyiceberg does so at each look, fifteen times a commit (0.12), and copies every snapshot of the table each time.
    """

    _known: tuple[tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        if self._known is None or self._known[0] != self._updates:
            self._known = (self._updates, super().table_metadata)
        return self._known[1]


class _RowDelta(_FastAppendFiles):  # type: ignore[misc]
    def __init__(
        self, transaction: Transaction, data: list[TableFile], deletes: list[TableFile], properties: dict[str, str]
    ) -> None:
        super().__init__(_operation(data, deletes), transaction, transaction._table.io, snapshot_properties=properties)
        self._added_data_files = data
        self._added_delete_files = deletes

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return [*manifests, self._delete_manifest()] if self._added_delete_files else manifests

    def _delete_manifest(self) -> ManifestFile:
        metadata = self._transaction.table_metadata
        output = self.new_manifest_output()
        writer = _DeleteManifestWriter(metadata.spec(), metadata.schema(), output, self._snapshot_id, self._compression)
        with writer:
            for file in self._added_delete_files:
                entry = ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=self._snapshot_id,
                    sequence_number=None,  # readers take that of the snapshot
                    file_sequence_number=None,
                    data_file=file,
                )
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        with self._all_files_added():  # pyiceberg counts each file by its content
            return super()._summary(snapshot_properties)

    @contextmanager
    def _all_files_added(self) -> Iterator[None]:
        data = self._added_data_files
        self._added_data_files = [*data, *self._added_delete_files]
        try:
            yield
        finally:
            self._added_data_files = data


class _DeleteManifestWriter(ManifestWriterV2):  # type: ignore[misc]
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, Any]:
        return {**super()._meta, "content": "deletes"}
