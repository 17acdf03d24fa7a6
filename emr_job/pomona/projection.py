"""The fitted model as a file, and the projection of features with it. Needs NumPy alone, neither Spark nor AWS.

>>> model = load_model("model.npz")                 # doctest: +SKIP
>>> project(features, model)                        # doctest: +SKIP
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pomona.pca.model import PcaModel

FORMAT = 1
ARRAYS = ("mean", "std", "scale", "components", "explained_variance", "explained_variance_ratio")


def project(features: NDArray[np.floating], model: PcaModel) -> NDArray[np.float64]:
    """Return the rows [n, d] (or one row [d]) in the coordinates of the model's components: float64 [n, k] (or [k]).

    Computes ((features - mean) * scale) @ componentsᵀ in float64, as the refit does for its projections, with 2 n d k
    floating point operations. The standardised rows [n, d] are in memory meanwhile.
    """
    standardised = np.subtract(features, model.mean, dtype=np.float64)
    standardised *= model.scale
    coordinates: NDArray[np.float64] = standardised @ model.components.T
    return coordinates


def model_bytes(model: PcaModel) -> bytes:
    """Return the model as an .npz file: the arrays of PcaModel by their names, `format`, `rows` and `notes`."""
    content = io.BytesIO()
    arrays = {name: getattr(model, name) for name in ARRAYS}
    np.savez(content, format=FORMAT, rows=model.rows, notes=np.array(model.notes, dtype=np.str_), **arrays)
    return content.getvalue()


def load_model(path: str | Path) -> PcaModel:
    """Return the model of a model.npz.

    Raises:
        ValueError: the file has another format.
    """
    with np.load(path, allow_pickle=False) as content:
        if "format" not in content or int(content["format"]) != FORMAT:
            raise ValueError(f"{path} is not a PCA model of format {FORMAT}: it was written by another version")
        arrays = {name: content[name] for name in ARRAYS}
        return PcaModel(**arrays, rows=int(content["rows"]), notes=tuple(str(note) for note in content["notes"]))
