"""Which data files a scan of pyiceberg's reads."""

from typing import Any

from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.table import DataScan

from pomona.errors import first_line
from pomona.table.scan import DataFile, of_another_writer

_SHOWN_CHARACTERS = 200


def data_files(scan: DataScan) -> list[DataFile]:
    """Return the data files of a scan in a fixed order: about that of the runs, whose names are in the addresses.

    Raises:
        MisconfiguredError: the table has a file of a kind that no run writes.
    """
    try:
        tasks = list(scan.plan_files())
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
