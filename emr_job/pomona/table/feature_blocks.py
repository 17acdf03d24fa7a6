"""The features of a block of rows as a NumPy matrix."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def rows_with_features(batch: pa.RecordBatch, backbone: str) -> pa.RecordBatch:
    """Return the rows that have features of this backbone; without a copy if these are all rows."""
    mask = pc.and_(pc.equal(batch["backbone"], backbone), pc.is_valid(batch["features"]))
    return batch if mask.true_count == batch.num_rows else batch.filter(mask)


def feature_matrix(batch: pa.RecordBatch, width: int) -> NDArray[np.float32]:
    """Return the column `features` (lists of `width` floats, no nulls) as a matrix [n, width], which is a view.

    Raises:
        ValueError: a list has another length.
    """
    values = batch.column("features").flatten()
    if len(values) != batch.num_rows * width:
        raise ValueError(
            f"a row of the feature table does not have {width} features: another program has written it; delete it"
        )
    matrix: NDArray[np.float32] = values.to_numpy(zero_copy_only=True).reshape(batch.num_rows, width)
    return matrix


def usable_rows(features: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which rows [n] are finite and not all zero: one other row would spoil the mean and variance of all."""
    squared_norms = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    finite_and_positive: NDArray[np.bool_] = np.isfinite(squared_norms) & (squared_norms > 0)
    return finite_and_positive


def usable_features(
    batch: pa.RecordBatch, backbone: str, width: int
) -> tuple[pa.RecordBatch, NDArray[np.float32], int]:
    """Return the rows with usable features of this backbone, these features [n, width], and how many rows have others.

    Raises:
        ValueError: a list of features has another length.
    """
    current = rows_with_features(batch, backbone)
    features = feature_matrix(current, width)
    keep = usable_rows(features)
    if keep.all():
        return current, features, 0
    return current.filter(pa.array(keep)), features[keep], int(np.count_nonzero(~keep))


def rows_of_backbone(batch: pa.RecordBatch, backbone: str) -> pa.RecordBatch:
    """Return the rows that have features of this backbone, from a batch that has no column `features`.

    A row has either features or an error.
    """
    return batch.filter(pc.and_(pc.equal(batch["backbone"], backbone), pc.is_null(batch["error"])))
