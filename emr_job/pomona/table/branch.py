"""A run's own branch of the feature table: what the table knows where it begins, one commit into it, its publishing."""

import logging
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pomona.errors import MisconfiguredError, PublishRefusedError, first_line
from pomona.s3.objects import bucket_and_key, remove_folder
from pomona.table.iceberg import (
    JVM_ERRORS,
    POSITIONS,
    count_of,
    data_file,
    parquet_schema,
    position_deletes,
    ranges_of,
    within,
)
from pomona.table.parquet_files import write_parquet
from pomona.table.row_lookup import find_rows
from pomona.table.row_writer import RowWriter, WrittenRows
from pomona.table.scan import data_files
from pomona.table.schema import ROWS

if TYPE_CHECKING:
    from pomona.table.feature_table import FeatureTable

RANGES = 64
"""Of a run's keys: a file none of which its keys can be in is not opened, and more of them would prune little more."""
log = logging.getLogger("pomona.table.branch")


@dataclass(frozen=True)
class Branch:
    """The branch `name` of a table, which began at the snapshot `base`; nobody else commits to it."""

    table: "FeatureTable"
    name: str
    base: int
    folder: str
    """The address, with a slash at its end, of a folder for its files: nobody else's are there."""
    _files: set[str] = field(default_factory=set)
    """The keys of the files that the commit brought."""
    _kept: set[str] = field(default_factory=set)
    """Those of them that the table may have."""

    @classmethod
    def make(cls, table: "FeatureTable", name: str) -> "Branch":
        """From where the table is now, also if an older branch of the name is there (of a driver that died).

        PublishRefusedError if a run that was given up, and maintains the table, has dropped it meanwhile.
        """
        present = table.load()
        drop(present, name)
        present.manageSnapshots().createBranch(name).commit()
        folder = present.locationProvider().newDataLocation(f"{name}-{uuid.uuid4().hex}/")
        made = table.load().snapshot(name)
        if made is None:
            raise _refusal(name, "the branch was gone at once")
        return cls(table, name, made.snapshotId(), folder)

    def known(self, bucket: str, keys: list[str]) -> pa.Table:
        """The rows of these keys of the bucket, as known_rows.KNOWN."""
        spark = self.table.spark
        there = within(spark, "key", ranges_of(keys, RANGES))
        return find_rows(spark, data_files(self.table.load(), self.base, there), bucket, keys)

    def writer(self) -> RowWriter:
        """What writes rows into files of this branch. MisconfiguredError if the table is not as a run makes it."""
        present = self.table.load()
        if present.specs().size() > 1 or present.spec().isPartitioned():
            raise MisconfiguredError("somebody else has partitioned the table: runs write one without partitions")
        return RowWriter(self.folder, parquet_schema(present, ROWS))

    def commit(self, written: list[WrittenRows], known: pa.Table, properties: dict[str, str]) -> None:
        """Once: the written rows come, and those `known` rows go whose keys have changed.

        `properties` go into the snapshot's summary. An empty commit is one too: it tells rivals that this run was here.
        PublishRefusedError if the branch is gone: a run that was given up and maintains the table takes it for a dead
        run's, and Iceberg would make it anew from a present in which the known rows may lie elsewhere.
        """
        present = self.table.load()
        changed = pa.concat_arrays([pa.array([], pa.string()), *(rows.keys for rows in written)])
        replaced = known.filter(pc.is_in(known["key"], value_set=changed))
        files = [data_file(self.table.spark, present, rows.location) for rows in written if rows.location]
        update = self._replacement(present, files, replaced) if replaced.num_rows else _addition(present, files)
        for name, value in properties.items():
            update.set(name, value)
        update.toBranch(self.name).commit()
        self._require_base()
        self._files.update(bucket_and_key(rows.location)[1] for rows in written if rows.location)

    def publish(self) -> int:
        """Make the branch the table's present, drop it in the same commit, and give its snapshot id.

        PublishRefusedError if anybody has committed to the table since the branch was made.
        """
        present = self.table.load()
        head = present.refs().get(self.name)
        if head is None:
            raise _refusal(self.name, "the branch is gone")
        snapshot_id = int(head.snapshotId())
        self._kept.update(self._files)  # whatever comes back from now on, the catalog may have taken it
        try:
            present.manageSnapshots().fastForwardBranch("main", self.name).removeBranch(self.name).commit()
        except JVM_ERRORS as error:
            raise _refusal(self.name, first_line(error, 200)) from error
        return snapshot_id

    def end(self) -> None:
        """Drop the branch if it is still there, and remove what tasks have written that the table cannot have.

        Never raises: the rows may be published by now, or another error be on its way. The maintenance does the rest.
        """
        try:
            drop(self.table.load(), self.name)
            remove_folder(*bucket_and_key(self.folder), self._kept)
        except Exception as error:
            log.warning("what is left of %s stays for the maintenance: %s", self.name, first_line(error, 300))

    def _replacement(self, present: Any, files: list[Any], replaced: pa.Table) -> Any:  # noqa: ANN401 (of the JVM)
        update = present.newRowDelta()
        for file in files:
            update.addRows(file)
        location = f"{self.folder}{uuid.uuid4()}-deletes.parquet"
        positions = replaced.select(["file", "row"]).sort_by([("file", "ascending"), ("row", "ascending")])
        deletes = positions.rename_columns(POSITIONS.names).cast(POSITIONS)
        write_parquet(*bucket_and_key(location), deletes.to_batches())
        self._files.add(bucket_and_key(location)[1])
        return update.addDeletes(position_deletes(self.table.spark, present, location))

    def _require_base(self) -> None:
        """A commit to a branch that is gone makes it anew: on another snapshot, or with counts that begin anew."""
        present = self.table.load()
        head, base = present.snapshot(self.name), present.snapshot(self.base)
        if head is None or base is None or head.parentId() != self.base:
            raise _refusal(self.name, "the branch was gone")
        files = count_of(base, "total-data-files") + count_of(head, "added-data-files")
        if count_of(head, "total-data-files") != files:
            raise _refusal(self.name, "the branch was gone")


def drop(table: Any, branch: str) -> None:  # noqa: ANN401 (an object of the JVM)
    """Drop the branch of Iceberg's `table`, if it is there."""
    if table.refs().containsKey(branch):
        table.manageSnapshots().removeBranch(branch).commit()


def _addition(present: Any, files: list[Any]) -> Any:  # noqa: ANN401 (objects of the JVM)
    update = present.newAppend()
    for file in files:
        update.appendFile(file)
    return update


def _refusal(branch: str, reason: str) -> PublishRefusedError:
    return PublishRefusedError(f"the table changed while {branch} ran, nothing is published: {reason}")
