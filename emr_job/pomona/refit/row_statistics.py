"""Statistics of the table's rows: how many of which kind, and which images failed."""

import heapq
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from pomona.classifier.distinct import DistinctCount

SHOWN_FAILURES = 200
STATISTICS_COLUMNS = ("key", "label", "backbone", "error")
MOST_GROUPS = 10_000
"""Groups of failures that are counted: beyond that the smallest are dropped, so that hostile names cost no memory."""
SHOWN_REASON = 80
_NUMBERS = re.compile(r"\d[\d,.]*")
FailureGroup = tuple[str | None, str]
"""The label of an image that failed (its folder), and the reason without its particulars."""


@dataclass(frozen=True)
class RowStatistics:
    """Counts of rows, by kind, of any backbone."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    """Rows with features of another backbone, which the next backfill featurizes again."""
    labels: DistinctCount = field(default_factory=DistinctCount)
    """Of the labels of the rows with features of this backbone."""
    failures: tuple[tuple[str, str], ...] = ()
    """Key and error of the rows with an error, by key, at most SHOWN_FAILURES of them."""
    groups: Counter[FailureGroup] = field(default_factory=Counter)
    """How many rows with an error each group has; exact for MOST_GROUPS groups or fewer."""

    @property
    def featurized(self) -> int:
        """Return the number of rows with features of this backbone."""
        return self.images - self.errors - self.stale

    @property
    def classes(self) -> int:
        """Return the number of different labels; an image at the top level has none."""
        return int(self.labels)

    @classmethod
    def of(cls, batch: pa.RecordBatch, backbone: str) -> Self:
        """Return the statistics of a batch that has STATISTICS_COLUMNS."""
        failed, current = pc.is_valid(batch["error"]), pc.equal(batch["backbone"], backbone)
        sound = pc.invert(failed)
        refused = batch.select(["key", "label", "error"]).filter(failed)
        errors = refused["error"].to_pylist()
        pairs = zip(refused["key"].to_pylist(), errors, strict=True)
        return cls(
            images=batch.num_rows,
            errors=refused.num_rows,
            stale=pc.and_(sound, pc.invert(current)).true_count,
            labels=DistinctCount(batch["label"].filter(pc.and_(sound, current)).drop_null().unique().to_pylist()),
            failures=tuple(heapq.nsmallest(SHOWN_FAILURES, pairs)),
            groups=_largest(Counter(zip(refused["label"].to_pylist(), map(reason, errors), strict=True))),
        )

    def errors_of_labels(self) -> Counter[str | None]:
        """Return how many images of each label failed."""
        counts: Counter[str | None] = Counter()
        for (label, _), images in self.groups.items():
            counts[label] += images
        return counts


def reason(error: str) -> str:
    """Return what an error has in common with others of its kind: without what follows a colon, and without numbers."""
    common = _NUMBERS.sub("…", error.partition(":")[0])
    return common if len(common) <= SHOWN_REASON else f"{common[: SHOWN_REASON - 1]}…"


def _largest(groups: Counter[FailureGroup]) -> Counter[FailureGroup]:
    return groups if len(groups) <= MOST_GROUPS else Counter(dict(groups.most_common(MOST_GROUPS)))


@dataclass
class RowStatisticsTotal:
    """Adds up the statistics of disjoint rows, in time that is linear in their labels."""

    images: int = 0
    errors: int = 0
    stale: int = 0
    labels: DistinctCount = field(default_factory=DistinctCount)
    failures: list[tuple[str, str]] = field(default_factory=list)
    groups: Counter[FailureGroup] = field(default_factory=Counter)

    def add(self, part: RowStatistics) -> None:
        """Add the statistics of further rows."""
        self.images += part.images
        self.errors += part.errors
        self.stale += part.stale
        self.labels.update(part.labels)
        if part.failures:
            self.failures = heapq.nsmallest(SHOWN_FAILURES, [*self.failures, *part.failures])
        if part.groups:
            self.groups.update(part.groups)
            self.groups = _largest(self.groups)

    def result(self) -> RowStatistics:
        """Return the statistics of all rows added so far."""
        failures, groups = tuple(self.failures), Counter(self.groups)
        return RowStatistics(self.images, self.errors, self.stale, self.labels, failures, groups)
