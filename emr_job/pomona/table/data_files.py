"""Which data files a snapshot has, through the driver's JVM."""

from typing import Any

from pomona.table.iceberg import iterate, iterate_and_close
from pomona.table.scan import DataFile, of_another_writer


def data_files(table: Any, snapshot_id: int, where: Any = None) -> list[DataFile]:  # noqa: ANN401 (objects of the JVM)
    """Return the data files of a snapshot, the oldest first, in a fixed order.

    Args:
        table: Iceberg's.
        snapshot_id: of the snapshot.
        where: an expression of Iceberg's; files whose column bounds exclude such rows are left out. None: all files.

    Raises:
        MisconfiguredError: the table has a file of a kind that no run writes.
    """
    scan = table.newScan().useSnapshot(snapshot_id)
    tasks = (scan if where is None else scan.filter(where)).planFiles()
    found = [(task.file().dataSequenceNumber(), _data_file(task)) for task in iterate_and_close(tasks)]
    return [file for _, file in sorted(found, key=lambda one: (one[0], one[1].location))]


def _data_file(task: Any) -> DataFile:  # noqa: ANN401 (an object of the JVM)
    file, deletes = task.file(), list(iterate(task.deletes()))
    kinds = [(str(file.content()), str(file.format()))]
    kinds += [(str(delete.content()), str(delete.format())) for delete in deletes]
    if not set(kinds) <= {("DATA", "PARQUET"), ("POSITION_DELETES", "PARQUET")}:
        raise of_another_writer(f"{file.location()}: {kinds}")
    return DataFile(
        file.location(),
        file.fileSizeInBytes(),
        tuple(delete.location() for delete in deletes),
        file.recordCount(),
    )
