"""The fitted model as a file, and projecting features with it: NumPy is all this needs, no Spark and no AWS.

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
    """The rows [n, d] (or one row [d]) in the coordinates of the model's components: [n, k] (or [k]) float64.

    ((features - mean) * scale) @ componentsᵀ, in float64: what the refit writes to its projections, up to rounding.
    2 n d k floating point operations; the standardised rows [n, d] are held in memory meanwhile.
    """
    standardised = np.subtract(features, model.mean, dtype=np.float64)
    standardised *= model.scale
    coordinates: NDArray[np.float64] = standardised @ model.components.T
    return coordinates


def model_bytes(model: PcaModel) -> bytes:
    """The model as the content of an .npz file: the arrays of PcaModel by their names, `format`, `rows` and `notes`."""
    content = io.BytesIO()
    arrays = {name: getattr(model, name) for name in ARRAYS}
    np.savez(content, format=FORMAT, rows=model.rows, notes=np.array(model.notes, dtype=np.str_), **arrays)
    return content.getvalue()


def load_model(path: str | Path) -> PcaModel:
    """The model that a refit left as model.npz; raises ValueError for a file of another format."""
    with np.load(path, allow_pickle=False) as content:
        if "format" not in content or int(content["format"]) != FORMAT:
            raise ValueError(f"{path} is not a PCA model of format {FORMAT}: it was written by another version")
        arrays = {name: content[name] for name in ARRAYS}
        return PcaModel(**arrays, rows=int(content["rows"]), notes=tuple(str(note) for note in content["notes"]))
