"""Which data files a snapshot has. A manifest never changes, so a process decodes it once: a millisecond each."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFileContent, FileFormat, ManifestEntry, ManifestFile
from pyiceberg.table import ManifestGroupPlanner, Table

from pomona.errors import first_line
from pomona.s3.read_ahead import in_order
from pomona.table.scan import DataFile, of_another_writer

MOST_ENTRIES = 4096
"""Of what is kept: some ten kilobytes each."""
MANIFESTS_AT_ONCE = 8
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
        for entries in _KEPT.each(self.io, list(manifests)):
            yield [entry for entry in entries if may_match(entry.data_file)]


class _Entries:
    """The entries of manifests by their addresses, those that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[ManifestEntry]] = OrderedDict()
        self._count = 0

    def each(self, io: FileIO, manifests: list[ManifestFile]) -> Iterator[list[ManifestEntry]]:
        """Yield the entries of each manifest: first of those that are kept."""
        unread = [manifest for manifest in manifests if manifest.manifest_path not in self._kept]
        for manifest in manifests:
            if (entries := self._kept.get(manifest.manifest_path)) is not None:
                self._kept.move_to_end(manifest.manifest_path)
                yield entries
        read = in_order(unread, lambda manifest: list(manifest.fetch_manifest_entry(io)), MANIFESTS_AT_ONCE)
        for manifest, entries in zip(unread, read, strict=True):
            self._keep(manifest.manifest_path, entries)
            yield entries

    def _keep(self, location: str, entries: list[ManifestEntry]) -> None:
        self._kept[location] = entries
        self._count += len(entries)
        while self._count > MOST_ENTRIES:
            _, oldest = self._kept.popitem(last=False)
            self._count -= len(oldest)


_KEPT = _Entries()
