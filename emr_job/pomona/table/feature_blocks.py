"""The features of a block of rows, seen as a NumPy matrix."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def featurized(batch: pa.RecordBatch, backbone: str) -> pa.RecordBatch:
    """The rows with features of this backbone, not those of another nor those with an error. Seldom a copy."""
    mask = pc.and_(pc.equal(batch["backbone"], backbone), pc.is_valid(batch["features"]))
    return batch if mask.true_count == batch.num_rows else batch.filter(mask)


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
