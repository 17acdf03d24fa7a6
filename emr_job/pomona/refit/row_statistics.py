"""What the rows of the table are: how many of which kind, and which images failed."""

import heapq
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

SHOWN_FAILURES = 200
CENSUS_COLUMNS = ("key", "label", "backbone", "error")


@dataclass(frozen=True)
class Census:
    """How many rows there are, of what kind, whatever their backbone."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    """Rows with features of another backbone, which the next backfill makes again."""
    labels: frozenset[str | None] = frozenset()
    """The labels of the rows with features of this backbone."""
    failures: tuple[tuple[str, str], ...] = ()
    """Key and error of the first SHOWN_FAILURES rows, by key, that could not be made into features."""

    @property
    def classes(self) -> int:
        """How many different labels there are; an image without a folder has none."""
        return len(self.labels - {None})

    @classmethod
    def of(cls, batch: pa.RecordBatch, backbone: str) -> Self:
        """Of a batch with CENSUS_COLUMNS."""
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
class CensusTotal:
    """Adds up the censuses of disjoint rows, in time that is linear in their labels: no set is copied for a sum."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    labels: set[str | None] = field(default_factory=set)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, part: Census) -> None:
        """Take in the census of some more rows."""
        self.images += part.images
        self.errors += part.errors
        self.stale += part.stale
        self.labels |= part.labels
        if part.failures:
            self.failures = heapq.nsmallest(SHOWN_FAILURES, [*self.failures, *part.failures])

    def census(self) -> Census:
        """Return the census of all of them."""
        return Census(self.images, self.errors, self.stale, frozenset(self.labels), tuple(self.failures))
