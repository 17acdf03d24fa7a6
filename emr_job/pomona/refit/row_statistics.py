"""Statistics of the table's rows: how many of which kind, and which images failed."""

import heapq
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

SHOWN_FAILURES = 200
STATISTICS_COLUMNS = ("key", "label", "backbone", "error")


@dataclass(frozen=True)
class RowStatistics:
    """Counts of rows, by kind, of any backbone."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    """Rows with features of another backbone, which the next backfill featurizes again."""
    labels: frozenset[str | None] = frozenset()
    """The labels of the rows with features of this backbone."""
    failures: tuple[tuple[str, str], ...] = ()
    """Key and error of the rows with an error, by key, at most SHOWN_FAILURES of them."""

    @property
    def classes(self) -> int:
        """Return the number of different labels; an image at the top level has none."""
        return len(self.labels - {None})

    @classmethod
    def of(cls, batch: pa.RecordBatch, backbone: str) -> Self:
        """Return the statistics of a batch that has STATISTICS_COLUMNS."""
        failed, current = pc.is_valid(batch["error"]), pc.equal(batch["backbone"], backbone)
        sound = pc.invert(failed)
        refused = batch.select(["key", "error"]).filter(failed)
        pairs = zip(refused["key"].to_pylist(), refused["error"].to_pylist(), strict=True)
        return cls(
            images=batch.num_rows,
            errors=refused.num_rows,
            stale=pc.and_(sound, pc.invert(current)).true_count,
            labels=frozenset(batch["label"].filter(pc.and_(sound, current)).unique().to_pylist()),
            failures=tuple(heapq.nsmallest(SHOWN_FAILURES, pairs)),
        )


@dataclass
class RowStatisticsTotal:
    """Adds up the statistics of disjoint rows, in time that is linear in their labels: no sum copies a set."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    labels: set[str | None] = field(default_factory=set)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, part: RowStatistics) -> None:
        """Add the statistics of further rows."""
        self.images += part.images
        self.errors += part.errors
        self.stale += part.stale
        self.labels |= part.labels
        if part.failures:
            self.failures = heapq.nsmallest(SHOWN_FAILURES, [*self.failures, *part.failures])

    def result(self) -> RowStatistics:
        """Return the statistics of all rows added so far."""
        return RowStatistics(self.images, self.errors, self.stale, frozenset(self.labels), tuple(self.failures))
