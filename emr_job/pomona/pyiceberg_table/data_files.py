"""Which data files a snapshot has."""

from collections.abc import Iterable, Iterator
from typing import Any

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.manifest import DataFileContent, FileFormat, ManifestEntry, ManifestFile
from pyiceberg.table import ManifestGroupPlanner, Table

from pomona.errors import first_line
from pomona.pyiceberg_table.kept_files import KeptFiles
from pomona.table.scan import DataFile, of_another_writer

MOST_ENTRIES = 4096
"""Of what is kept: some ten kilobytes each."""
_SHOWN_CHARACTERS = 200


def data_files(table: Table, snapshot_id: int, row_filter: BooleanExpression | None = None) -> list[DataFile]:
    """Return the data files of a snapshot that the table keeps: those that may have rows to which the filter applies.

    Their order is fixed: about that of the runs, whose names are in the addresses.

    Raises:
        MisconfiguredError: the table has a file of a kind that no run writes.
    """
    snapshot = table.snapshot_by_id(snapshot_id)
    if snapshot is None:
        raise KeyError(f"the table has no snapshot {snapshot_id}")
    planner = _Planner(table.metadata, table.io, row_filter or AlwaysTrue())
    try:
        tasks = list(planner.plan_files(snapshot.manifests(table.io)))
    except ValueError as error:  # deletions by value, which pyiceberg does not read
        raise of_another_writer(first_line(error, _SHOWN_CHARACTERS)) from error
    return sorted(map(_data_file, tasks), key=lambda file: file.location)


def _data_file(task: Any) -> DataFile:  # noqa: ANN401 - pyiceberg's tasks of other catalogs have another type
    kinds = {(file.content, file.file_format) for file in (task.file, *task.delete_files)}
    allowed = {(DataFileContent.DATA, FileFormat.PARQUET), (DataFileContent.POSITION_DELETES, FileFormat.PARQUET)}
    if not kinds <= allowed:
        raise of_another_writer(str(task.file.file_path))
    deletes = tuple(sorted(file.file_path for file in task.delete_files))
    return DataFile(task.file.file_path, task.file.file_size_in_bytes, deletes, task.file.record_count)


class _Planner(ManifestGroupPlanner):  # type: ignore[misc]
    """pyiceberg's planner of files, which decodes each manifest at every plan (0.12), with the entries that are kept.

    It looks at no partitions: the feature table has none.
    """

    def plan_manifest_entries(self, manifests: Iterable[ManifestFile]) -> Iterator[list[ManifestEntry]]:
        may_match = self._build_metrics_evaluator()
        for _, entries in _KEPT.each(manifests, lambda manifest: list(manifest.fetch_manifest_entry(self.io))):
            yield [entry for entry in entries if may_match(entry.data_file)]


_KEPT = KeptFiles[ManifestFile, list[ManifestEntry]](lambda manifest: str(manifest.manifest_path), len, MOST_ENTRIES)
