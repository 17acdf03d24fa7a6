"""A sample of the projections, for the pictures of a refit."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pomona.refit.second_pass import component_columns

MOST_POINTS = 5000
SHOWN_COMPONENTS = 4
COMPARED_COMPONENTS = 100
"""So many components tell which images are alike; more would only cost memory."""


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
    buckets: Counter[str] = field(default_factory=Counter)
    """How many of the sampled rows' images lie in each bucket: in one, unless the stack has got another one."""
    blocks: list[NDArray[np.float32]] = field(default_factory=list)
    """The first components of each row, COMPARED_COMPONENTS of them at most, as blocks of rows."""
    _seen: int = 0

    @property
    def spacing(self) -> int:
        """Return n, where every n-th row is in the sample."""
        return max(-(-self.rows // MOST_POINTS), 1)

    @property
    def bucket(self) -> str | None:
        """Return the bucket of the images; None without rows."""
        return next((bucket for bucket, _ in self.buckets.most_common(1)), None)

    @property
    def matrix(self) -> NDArray[np.float32]:
        """Return the projections [n, components] of the sampled rows."""
        return np.concatenate(self.blocks) if self.blocks else np.empty((0, 0), np.float32)

    def add_from(self, batch: pa.RecordBatch) -> None:
        """Add those of the next rows that belong to the sample; `batch` has second_pass.projections_schema."""
        first = -self._seen % self.spacing
        self._seen += batch.num_rows
        chosen = batch.take(pa.array(range(first, batch.num_rows, self.spacing), pa.int64()))
        labels = [label or "" for label in chosen["label"].to_pylist()]
        self.keys += chosen["key"].to_pylist()
        self.labels += labels
        self.classes.update(labels)
        self.buckets.update(chosen["bucket"].to_pylist())
        components = component_columns(chosen)
        shown = [chosen[name].to_pylist() for name in components[:SHOWN_COMPONENTS]]
        self.points += [list(point) for point in zip(*shown, strict=True)]
        compared = [chosen[name].to_numpy() for name in components[:COMPARED_COMPONENTS]]
        if chosen.num_rows:
            self.blocks.append(np.stack(compared, axis=1).astype(np.float32))
