"""Rows of features as Spark hands them over in Arrow, seen as NumPy matrices."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROWS_PER_BLOCK = 4096
"""Rows that a task holds at a time: 21 MB of 1,280 features, and large enough for BLAS to run at its full speed."""


def features_of(batch: pa.RecordBatch, width: int) -> NDArray[np.float32]:
    """The column `features` (lists of `width` floats, no nulls) as a matrix [n, width]: a view, nothing is copied."""
    values = batch.column("features").flatten()
    if len(values) != batch.num_rows * width:
        raise ValueError(f"a row of the table has not the {width} features that its backbone gives")
    matrix: NDArray[np.float32] = values.to_numpy(zero_copy_only=True).reshape(batch.num_rows, width)
    return matrix


def usable(features: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows [n] are finite and not all zero: one that is not would poison the mean and variance of all others."""
    squared_norms = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    finite_and_positive: NDArray[np.bool_] = np.isfinite(squared_norms) & (squared_norms > 0)
    return finite_and_positive
