"""Whether two sides of a measurement did the same: their features of the same images."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.places import BenchError

ROUNDING = 1e-4
"""Most that a feature may differ, relative to the largest of its image."""
Features = dict[str, npt.NDArray[np.float32]]


def features_by_key(rows: pa.Table) -> Features:
    """The features of each key, from columns key and features."""
    flat = rows["features"].combine_chunks().flatten().to_numpy()
    return dict(zip(rows["key"].to_pylist(), flat.reshape(len(rows), -1), strict=True))


def largest_difference(ours: Features, theirs: Features, keys: Collection[str], name: str) -> float:
    """Of any feature of the keys, relative to the largest of its image; BenchError if it is more than rounding."""
    if set(theirs) != set(keys) or not ours.keys() >= set(keys):
        raise BenchError(f"{name} has {len(theirs)} keys, ours {len(ours)}, and there are {len(keys)} to be featurized")
    most = float(np.max([np.abs(ours[key] - theirs[key]).max() / np.abs(ours[key]).max() for key in keys]))
    if not most <= ROUNDING:
        raise BenchError(f"the features of {name} are others than ours: they differ by {most:.2g} of the largest")
    return most
