"""`neighbours.npz` of a refit: the projections as an index that `pomona.identify` searches for similar images."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from pomona.identify.neighbours import MOST_COMPONENTS, MOST_VECTORS, NeighboursBuilder, neighbours_bytes
from pomona.refit.results import ResultsFolder
from pomona.refit.second_pass import component_columns
from pomona_contract.lake_layout import NEIGHBOURS


@dataclass
class NeighboursFile:
    """Collects the rows of the projections, and writes the file at the end.

    builder  None for a table of more than MOST_VECTORS rows: it gets no file
    """

    builder: NeighboursBuilder | None = field(default_factory=NeighboursBuilder)

    @classmethod
    def of(cls, rows: int) -> Self:
        """Return the file of a table with so many rows."""
        return cls(NeighboursBuilder() if rows <= MOST_VECTORS else None)

    def add_from(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows; `batch` has second_pass.projections_schema."""
        if self.builder is None or not batch.num_rows:
            return
        components = component_columns(batch)[:MOST_COMPONENTS]
        projected = np.column_stack([batch[name].to_numpy() for name in components])
        self.builder.add(batch["key"].to_pylist(), batch["label"].to_pylist(), projected)

    def write(self, folder: ResultsFolder) -> None:
        """Write the file, if the table is not too large for one."""
        if self.builder is not None:
            folder.put(NEIGHBOURS, neighbours_bytes(self.builder.finish()), "application/octet-stream")


def no_neighbours_note(rows: int) -> tuple[str, ...]:
    """Return the note that says why there is no neighbours.npz; no note if there is one."""
    if rows <= MOST_VECTORS:
        return ()
    return (
        f"there is no {NEIGHBOURS}, so no similar images are found: {rows:,} images are more than {MOST_VECTORS:,}",
    )
