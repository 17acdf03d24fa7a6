"""The rows that both passes over the features see: those that can be fitted, each with its class and fold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pomona.classifier.class_moments import Counts
from pomona.classifier.classes import Classes
from pomona.classifier.folds import Folds
from pomona.classifier.selection import SAMPLED_ROWS
from pomona.table.distribution import Read
from pomona.table.feature_blocks import usable_features
from pomona.table.scan import DataFile

COLUMNS = ["key", "bucket", "label", "etag", "backbone", "features"]
NAMES = ["key", "bucket", "label"]
SURPLUS = 1.2
"""How many times SAMPLED_ROWS the tasks bring back together, so that there are enough whatever the hashes are."""


@dataclass(frozen=True)
class Assignment:
    """To which class and fold an image belongs, and whether it is in the sample.

    sampled_share  of all rows, by the hash of the key: the same rows at each refit
    """

    classes: Classes
    folds: Folds
    sampled_share: float

    @classmethod
    def of(cls, classes: Classes, folds: Folds, rows: int) -> Self:
        """Return the assignment for a table with so many rows that have features of the backbone."""
        return cls(classes, folds, min(SURPLUS * SAMPLED_ROWS / max(rows, 1), 1.0))


@dataclass(frozen=True, eq=False)
class AssignedRows:
    """A block of n rows with usable features of the backbone.

    names     their NAMES, as text
    features  [n, d] float32
    codes     [n] the numbers of the classes, NO_CLASS for none
    folds     [n]
    left_out  number of rows of the block with features of the backbone that are all zero or not finite
    """

    names: pa.RecordBatch
    features: NDArray[np.float32]
    codes: Counts
    folds: NDArray[np.int8]
    left_out: int

    @property
    def keys(self) -> list[str]:
        """The keys [n]."""
        keys: list[str] = self.names["key"].to_pylist()
        return keys


@dataclass(frozen=True)
class RowReader:
    """Reads the rows of a backbone with `width` features, in the same way in both passes.

    The processes of the driver keep the AssignedRows between the passes, by file: one process must have one reader.
    """

    backbone: str
    width: int
    assignment: Assignment
    read: Read

    def rows(self, files: Iterable[DataFile]) -> Iterator[AssignedRows]:
        """Yield the rows of the files.

        Raises:
            ValueError: a list of features has another length.
        """
        return self.read(files, COLUMNS, self._assigned)

    def _assigned(self, batch: pa.RecordBatch) -> AssignedRows:
        current, features, left_out = usable_features(batch, self.backbone, self.width)
        labels, keys, etags = (current[name].to_pylist() for name in ("label", "key", "etag"))
        names = pa.RecordBatch.from_arrays([current[name].cast(pa.string()) for name in NAMES], names=NAMES)
        codes = self.assignment.classes.codes(labels)
        return AssignedRows(names, features, codes, self.assignment.folds.of_rows(labels, keys, etags), left_out)
