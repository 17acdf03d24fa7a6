"""The images that could not be read, with the reason: as rows, as CSV, and counted by reason or by folder."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from pomona_cli.output.csv_cells import escape_for_terminal, escape_formulas
from pomona_cli.output.text import plural
from pomona_cli.table.choices import Grouping
from pomona_cli.table.external_sort import sort_by_key
from pomona_cli.table.reader import TableReader

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

COLUMNS = ("key", "error", "size", "last_modified", "backbone", "featurized_at", "batch_id")
MAX_GROUPS = 10_000
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass
class ErrorGroup:
    """The errors with one reason, or in one folder."""

    name: str | None  # None: all groups after the first MAX_GROUPS
    errors: int
    example: str  # one of their keys


@dataclass(frozen=True)
class ErrorRows:
    """The rows with an error that match `where` and have the text in their reason, in upper or lower case."""

    table: TableReader
    where: "BooleanExpression"
    reason: str = ""

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dictionaries, sorted by key."""
        return (row for batch in self._sorted() for row in batch.to_pylist())

    def keys(self) -> Iterator[str]:
        """Yield the keys in the order of the table."""
        return (key for batch in self._batches(("key", "error")) for key in batch["key"].to_pylist())

    def groups(self, by: Grouping) -> list[ErrorGroup]:
        """Count the errors by reason or by folder, the largest group first."""
        found: dict[str | None, ErrorGroup] = {}
        for batch in self._batches(("key", "error")):
            for key, error in zip(batch["key"].to_pylist(), batch["error"].to_pylist(), strict=True):
                name = _without_numbers(error) if by == Grouping.reason else key.rpartition("/")[0]
                known = name in found or len(found) < MAX_GROUPS
                found.setdefault(name if known else None, ErrorGroup(name if known else None, 0, key)).errors += 1
        return sorted(found.values(), key=lambda group: (-group.errors, group.name or ""))

    def write_csv(self) -> None:
        """Write the rows to stdout as CSV, sorted by key; escaped if stdout is a terminal."""
        with csv.CSVWriter(sys.stdout.buffer, self.table.schema(COLUMNS)) as writer:
            for batch in self._sorted():
                columns = [escape_formulas(escape_for_terminal(column)) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=batch.schema))

    def _sorted(self) -> Iterator[pa.RecordBatch]:
        return sort_by_key(self._batches(COLUMNS), self.table.schema(COLUMNS))

    def _batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the order of the table; data files without errors are not opened."""
        from pyiceberg.expressions import And, NotNull

        for batch in self.table.batches(columns, And(self.where, NotNull("error"))):
            yield batch.filter(pc.match_substring(batch["error"], self.reason, ignore_case=True))


def write_groups_csv(groups: list[ErrorGroup], by: Grouping) -> None:
    """Write the groups to stdout as CSV, escaped as `ErrorRows.write_csv` does."""
    names = pa.array([group.name for group in groups], pa.string())
    counts = pa.array([group.errors for group in groups], pa.int64())
    examples = pa.array([group.example for group in groups], pa.string())
    columns = [escape_formulas(escape_for_terminal(names)), counts, escape_formulas(escape_for_terminal(examples))]
    csv.write_csv(pa.table(columns, [by.value, "errors", "example"]), sys.stdout.buffer)


def error_share(table: TableReader) -> str:
    """Return a sentence with the number of rows and errors of the whole table."""
    from pyiceberg.expressions import AlwaysTrue, NotNull

    rows = table.count(AlwaysTrue())
    errors = table.count(NotNull("error"))
    percent = f" ({100 * errors / rows:.1f} %)" if rows else ""
    return f"In all the table has {plural(rows, 'row')}, {errors} of them with an error{percent}."


def _without_numbers(reason: str) -> str:
    """Return the reason without its numbers, so that two sizes above one limit count as one reason."""
    return _NUMBER.sub("N", reason)
