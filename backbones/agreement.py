"""How closely an exported backbone agrees with Keras on the same images."""

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-4  # of the output's range


class DisagreementError(Exception):
    """The exported graph and Keras give different features: the graph must not be used."""


@dataclass(frozen=True)
class Agreement:
    """The largest difference of a feature, the range of all features, the smallest cosine of an image."""

    largest_difference: float
    output_range: float
    smallest_cosine: float

    @property
    def share_of_range(self) -> float:
        """The largest difference, as a share of the range."""
        return self.largest_difference / self.output_range

    def require(self) -> None:
        """Raise DisagreementError unless the largest difference is within the tolerance; NaN never is."""
        if not (self.output_range > 0 and self.share_of_range <= TOLERANCE):
            raise DisagreementError(
                f"the exported graph differs from Keras by {self.largest_difference:.3g} "
                f"where the features have a range of {self.output_range:.3g}: nothing was written"
            )


def agreement(exported: np.ndarray, reference: np.ndarray) -> Agreement:
    """Compare features [n, width] with their reference of the same shape."""
    a, b = exported.astype(np.float64), reference.astype(np.float64)
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return Agreement(float(np.abs(a - b).max()), float(np.ptp(b)), float(cosine.min()))
