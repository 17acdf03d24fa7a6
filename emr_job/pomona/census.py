"""What the rows of the table are: how many of which kind, and which images failed."""

import heapq
from dataclasses import dataclass
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

    def merge(self, other: "Census") -> "Census":
        """Of both sets of rows together."""
        return Census(
            images=self.images + other.images,
            errors=self.errors + other.errors,
            stale=self.stale + other.stale,
            labels=self.labels | other.labels,
            failures=tuple(heapq.nsmallest(SHOWN_FAILURES, self.failures + other.failures)),
        )
