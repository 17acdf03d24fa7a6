"""The images that could not be read, and why: as rows, as CSV, and counted by reason or by folder."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from pomona_cli.cells import protected
from pomona_cli.sorting import sorted_by_key
from pomona_cli.table import FeatureTable
from pomona_cli.terminal import counted, escaped

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

COLUMNS = ("key", "error", "size", "last_modified", "backbone", "featurized_at", "batch_id")
MOST_GROUPS = 10_000
_NUMBER = re.compile(r"\d[\d,.]*")


class Grouping(StrEnum):
    """By what errors are counted."""

    reason = "reason"
    folder = "folder"


@dataclass
class Group:
    """Errors that have something in common."""

    name: str | None  # None: those of all groups beyond MOST_GROUPS
    errors: int
    example: str  # one of their keys


@dataclass(frozen=True)
class ErrorRows:
    """The rows with an error among those that match `where` and have the text in their reason, in any case."""

    table: FeatureTable
    where: "BooleanExpression"
    reason: str = ""

    def documents(self) -> Iterator[dict[str, Any]]:
        """Sorted by key, a dictionary each."""
        return (row for batch in self._sorted() for row in batch.to_pylist())

    def keys(self) -> Iterator[str]:
        """Their keys, in the order of the table."""
        return (key for batch in self._batches(("key", "error")) for key in batch["key"].to_pylist())

    def groups(self, by: Grouping) -> list[Group]:
        """How many there are of each reason, or in each folder, the largest group first."""
        found: dict[str | None, Group] = {}
        for batch in self._batches(("key", "error")):
            for key, error in zip(batch["key"].to_pylist(), batch["error"].to_pylist(), strict=True):
                name = _kind_of(error) if by == Grouping.reason else key.rpartition("/")[0]
                known = name in found or len(found) < MOST_GROUPS
                found.setdefault(name if known else None, Group(name if known else None, 0, key)).errors += 1
        return sorted(found.values(), key=lambda group: (-group.errors, group.name or ""))

    def write_csv(self) -> None:
        """Write all of them to stdout, sorted by key; what a terminal would obey is escaped if stdout is one."""
        with csv.CSVWriter(sys.stdout.buffer, self.table.schema(COLUMNS)) as writer:
            for batch in self._sorted():
                columns = [protected(_harmless(column)) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=batch.schema))

    def _sorted(self) -> Iterator[pa.RecordBatch]:
        return sorted_by_key(self._batches(COLUMNS), self.table.schema(COLUMNS))

    def _batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """In the order of the table; files without errors are not opened."""
        from pyiceberg.expressions import And, NotNull

        for batch in self.table.batches(columns, And(self.where, NotNull("error"))):
            yield batch.filter(pc.match_substring(batch["error"], self.reason, ignore_case=True))


def write_groups_csv(groups: list[Group], by: Grouping) -> None:
    """Write the groups to stdout, harmless for a terminal and a spreadsheet as the errors themselves are."""
    names = pa.array([group.name for group in groups], pa.string())
    counts = pa.array([group.errors for group in groups], pa.int64())
    examples = pa.array([group.example for group in groups], pa.string())
    columns = [protected(_harmless(names)), counts, protected(_harmless(examples))]
    csv.write_csv(pa.table(columns, [by.value, "errors", "example"]), sys.stdout.buffer)


def share(table: FeatureTable) -> str:
    """How much of the whole table are errors, in a sentence."""
    from pyiceberg.expressions import AlwaysTrue, NotNull

    rows = table.count(AlwaysTrue())
    errors = table.count(NotNull("error"))
    percent = f" ({100 * errors / rows:.1f} %)" if rows else ""
    return f"In all the table has {counted(rows, 'row')}, {errors} of them with an error{percent}."


def _kind_of(reason: str) -> str:
    """The reason without its numbers: two sizes above one limit are one reason."""
    return _NUMBER.sub("N", reason)


def _harmless(column: pa.Array) -> pa.Array:
    if not sys.stdout.isatty() or not pa.types.is_string(column.type):
        return column
    return pa.array([None if text is None else escaped(text) for text in column.to_pylist()], pa.string())
