"""How the components have moved since the last refit, and signs that stay as they were."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pomona.pca.comoments import Vector
from pomona.pca.model import PcaModel

SAME_DIRECTION = 0.5
"""Two components whose cosine is at least this are the same one, a little turned."""


@dataclass(frozen=True)
class Drift:
    """What has changed since an earlier model of the same backbone.

    rows_before      rows that the earlier model was fitted to
    angles_degrees   [min(k, k')] principal angles between the two spans of components, smallest first
    mean_shift       root mean square, over the features, of the mean's shift in standard deviations
    turned           components, from 1 on, that no earlier component points along: new ones, or two that mix
    """

    rows_before: int
    angles_degrees: tuple[float, ...]
    mean_shift: float
    turned: tuple[int, ...]


def with_signs_of(model: PcaModel, earlier: PcaModel) -> PcaModel:
    """Return the model with each component turned to point along the earlier component that is most like it.

    A component that is like none (all cosines below SAME_DIRECTION) keeps the sign of the fixed rule.
    """
    cosines = model.components @ earlier.components.T
    if not cosines.size:
        return model
    nearest = cosines[np.arange(len(cosines)), np.abs(cosines).argmax(axis=1)]
    signs = np.where(nearest <= -SAME_DIRECTION, -1.0, 1.0)
    return replace(model, components=model.components * signs[:, None])


def drift(model: PcaModel, earlier: PcaModel) -> Drift:
    """Return what has changed. Both models have the same d features.

    The angles are between components of standardised features, each model by its own deviations.
    Source: A. Björck, G. H. Golub, "Numerical methods for computing angles between linear subspaces", 1973.
    """
    cosines = model.components @ earlier.components.T
    singular = np.clip(np.linalg.svd(cosines, compute_uv=False), 0.0, 1.0) if cosines.size else np.empty(0)
    like = np.abs(cosines).max(axis=1, initial=0.0)
    return Drift(
        rows_before=earlier.rows,
        angles_degrees=tuple(np.degrees(np.arccos(singular)).tolist()),
        mean_shift=_root_mean_square((model.mean - earlier.mean) * earlier.scale),
        turned=tuple((np.flatnonzero(like < SAME_DIRECTION) + 1).tolist()),
    )


def _root_mean_square(values: Vector | NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else 0.0
