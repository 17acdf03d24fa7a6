"""A sample of the projections, for the pictures of a refit."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

MOST_POINTS = 5000
SHOWN_COMPONENTS = 4


@dataclass
class ProjectionSample:
    """Evenly spaced rows of the projections, at most MOST_POINTS of `rows`; the same rows every time.

    Rows of one class lie together where they were uploaded together, and even spacing keeps each class's share.
    """

    rows: int
    keys: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    points: list[list[float]] = field(default_factory=list)
    """The first components of each row, SHOWN_COMPONENTS of them at most."""
    classes: Counter[str] = field(default_factory=Counter)
    """How many of the sampled rows each label has."""
    _seen: int = 0

    @property
    def spacing(self) -> int:
        """Return n, where every n-th row is in the sample."""
        return max(-(-self.rows // MOST_POINTS), 1)

    def add_from(self, batch: pa.RecordBatch) -> None:
        """Add those of the next rows that belong to the sample; `batch` has second_pass.projections_schema."""
        first = -self._seen % self.spacing
        self._seen += batch.num_rows
        chosen = batch.take(pa.array(range(first, batch.num_rows, self.spacing), pa.int64()))
        labels = [label or "" for label in chosen["label"].to_pylist()]
        self.keys += chosen["key"].to_pylist()
        self.labels += labels
        self.classes.update(labels)
        components = [name for name in chosen.schema.names if name.startswith("pc_")][:SHOWN_COMPONENTS]
        shown = [chosen[name].to_pylist() for name in components]
        self.points += [list(point) for point in zip(*shown, strict=True)]
