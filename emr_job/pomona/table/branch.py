"""A run's own branch of the feature table: the rows where it begins, one commit into it, its publication."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pomona.errors import JobError, MisconfiguredError, PublishRefusedError, first_line
from pomona.s3.objects import bucket_and_key, remove_folder
from pomona.table.data_files import data_files
from pomona.table.distributed_lookup import find_rows
from pomona.table.feature_table import FeatureTable
from pomona.table.iceberg import JVM_ERRORS, count_of, drop_branch, in_any_range
from pomona.table.iceberg_files import data_file, parquet_schema, position_deletes
from pomona.table.key_ranges import KEY_RANGES, key_ranges
from pomona.table.parquet_files import write_parquet
from pomona.table.row_lookup import positions, with_keys
from pomona.table.row_writer import RowWriter, WrittenRows
from pomona.table.schema import PARTITIONED, ROWS

REFUSALS = ("CommitFailedException", "IllegalArgumentException", "ValidationException")
"""What Iceberg raises if the present is another one than the branch was created from."""
log = logging.getLogger("pomona.table.branch")


@contextmanager
def open_branch(table: FeatureTable, name: str) -> Iterator["Branch"]:
    """Create a branch that starts where the table is now, and clean up after it when the block ends."""
    branch = Branch.create(table, name)
    try:
        yield branch
    finally:
        branch.clean_up()


@dataclass(frozen=True)
class Branch:
    """The branch `name` of a table, which began at the snapshot `base`. Only this run commits to it."""

    table: FeatureTable
    name: str
    base: int
    folder: str
    """The address, with a slash at its end, of a folder for this run's files alone."""
    _committed: set[str] = field(default_factory=set)
    """The keys of the files that the commit added."""
    _published: set[str] = field(default_factory=set)
    """Those of them that the table may have."""

    @classmethod
    def create(cls, table: FeatureTable, name: str) -> "Branch":
        """Create the branch where the table is now. A branch of this name, left by a driver that died, is dropped.

        Raises:
            PublishRefusedError: a run that was given up, and maintains the table, has dropped the branch at once.
        """
        present = table.load()
        drop_branch(present, name)
        present.manageSnapshots().createBranch(name).commit()
        folder = present.locationProvider().newDataLocation(f"{name}-{uuid.uuid4().hex}/")
        created = table.load().snapshot(name)
        if created is None:
            raise _refusal(name, "the branch was gone at once")
        return cls(table, name, created.snapshotId(), folder)

    def find_rows(self, bucket: str, keys: list[str]) -> pa.Table:
        """Return the rows of these keys of the bucket where the branch begins, as row_lookup.KNOWN_ROWS."""
        spark = self.table.spark
        candidates = in_any_range(spark, "key", key_ranges(keys, KEY_RANGES))
        return find_rows(spark, data_files(self.table.load(), self.base, candidates), bucket, keys)

    def writer(self) -> RowWriter:
        """Return what writes rows into files of this branch.

        Raises:
            MisconfiguredError: the table is not as a run creates it.
        """
        present = self.table.load()
        if present.specs().size() > 1 or present.spec().isPartitioned():
            raise MisconfiguredError(PARTITIONED)
        return RowWriter(self.folder, parquet_schema(present, ROWS))

    def commit(self, written: list[WrittenRows], known: pa.Table, properties: dict[str, str]) -> None:
        """Add the written rows and delete the `known` rows whose keys have changed. Call it once.

        Without changes this commits too: an empty snapshot shows rivals that this run was here.

        Args:
            written: what the tasks wrote.
            known: the rows where the branch begins, as row_lookup.KNOWN_ROWS.
            properties: for the snapshot's summary.

        Raises:
            PublishRefusedError: the branch is gone. A run that was given up and maintains the table drops it as a
                leftover; Iceberg's commit would create it again at the present, where the known rows may lie elsewhere.
        """
        present = self.table.load()
        replaced = with_keys(known, (rows.keys for rows in written))
        files = [data_file(self.table.spark, present, rows.location) for rows in written if rows.location]
        update = self._row_delta(present, files, replaced) if replaced.num_rows else _append(present, files)
        for name, value in properties.items():
            update.set(name, value)
        update.toBranch(self.name).commit()
        self._require_base()
        self._committed.update(bucket_and_key(rows.location)[1] for rows in written if rows.location)

    def publish(self) -> int:
        """Make the branch the table's present, drop it in the same commit, and return its snapshot id.

        Raises:
            PublishRefusedError: somebody has committed to the table since the branch was created.
            JobError: the catalog did not say whether it has taken the commit; the next attempt finds what is done.
        """
        present = self.table.load()
        head = present.refs().get(self.name)
        if head is None:
            raise _refusal(self.name, "the branch is gone")
        snapshot_id = int(head.snapshotId())
        self._published.update(self._committed)  # even after an error, the catalog may have accepted the commit
        try:
            present.manageSnapshots().fastForwardBranch("main", self.name).removeBranch(self.name).commit()
        except JVM_ERRORS as error:
            reason = first_line(error, 200)
            # Spark has classes of its own for some of Java's, and Py4J tells the others in the text
            if any(name in f"{type(error).__name__} {reason}" for name in REFUSALS):
                raise _refusal(self.name, reason) from error
            raise JobError(f"it is not known whether {self.name} is published: {reason}") from error
        return snapshot_id

    def clean_up(self) -> None:
        """Drop the branch if it is still there, and remove the files of its tasks that the table cannot have.

        Raises nothing: the rows may be published by now, or another error is being raised. The maintenance removes what
        this leaves.
        """
        try:
            drop_branch(self.table.load(), self.name)
            remove_folder(*bucket_and_key(self.folder), self._published)
        except Exception as error:
            log.warning("what is left of %s stays for the maintenance: %s", self.name, first_line(error, 300))

    def _row_delta(self, present: Any, files: list[Any], replaced: pa.Table) -> Any:  # noqa: ANN401 (of the JVM)
        update = present.newRowDelta()
        for file in files:
            update.addRows(file)
        location = f"{self.folder}{uuid.uuid4()}-deletes.parquet"
        write_parquet(*bucket_and_key(location), positions(replaced).to_batches())
        self._committed.add(bucket_and_key(location)[1])
        return update.addDeletes(position_deletes(self.table.spark, present, location))

    def _require_base(self) -> None:
        """Raise PublishRefusedError if the commit created the branch again: its parent or its counts then differ."""
        present = self.table.load()
        head, base = present.snapshot(self.name), present.snapshot(self.base)
        if head is None or base is None or head.parentId() != self.base:
            raise _refusal(self.name, "the branch was gone")
        files = count_of(base, "total-data-files") + count_of(head, "added-data-files")
        if count_of(head, "total-data-files") != files:
            raise _refusal(self.name, "the branch was gone")


def _append(present: Any, files: list[Any]) -> Any:  # noqa: ANN401 (objects of the JVM)
    update = present.newAppend()
    for file in files:
        update.appendFile(file)
    return update


def _refusal(branch: str, reason: str) -> PublishRefusedError:
    return PublishRefusedError(f"the table changed while {branch} ran, nothing is published: {reason}")
