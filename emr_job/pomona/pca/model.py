"""Standardisation and principal component analysis (PCA) from co-moments."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pomona.errors import JobError
from pomona.pca.comoments import CoMoments, Matrix, Vector
from pomona.pca.component_choice import ComponentCount, Components


class NothingToFitError(JobError):
    """The rows do not vary: there are fewer than two, or they are all equal."""


@dataclass(frozen=True, eq=False)
class PcaModel:
    """A fitted scaler and the principal components of the standardised rows; d features, k components, largest first.

    mean                      [d] what is subtracted from a row
    std                       [d] sample standard deviation (n - 1), 0 for a constant column
    scale                     [d] what the centred row is multiplied by: 1 / std, and 0 for a constant column
    components                [k, d] orthonormal rows: the directions of largest variance of the standardised features
    explained_variance        [k] sample variance (n - 1) along each of them
    explained_variance_ratio  [k] the same as a share of the total variance of the standardised features
    rows                      n, what the model was fitted to
    notes                     sentences that say how the model differs from what was asked for
    """

    mean: Vector
    std: Vector
    scale: Vector
    components: Matrix
    explained_variance: Vector
    explained_variance_ratio: Vector
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def variance(self) -> float:
        """Return the share of the variance that the kept components explain together."""
        return float(self.explained_variance_ratio.sum())

    def with_notes(self, notes: tuple[str, ...]) -> "PcaModel":
        """Return the same model with further notes."""
        return replace(self, notes=self.notes + notes)


def fit(moments: CoMoments, wanted: Components) -> PcaModel:
    """Fit a scaler (mean, sample standard deviation) and a PCA: the eigenvectors of the correlation matrix.

    Spark ML's StandardScaler(withMean, withStd) followed by PCA(k) gives the same, up to the sign of a component. So do
    scikit-learn's StandardScaler and PCA, for components and variance ratios; that scaler divides by the population's
    standard deviation, so its explained_variance_ is this one times n / (n - 1).

    Time O(d³), 0.5 s for d = 1,280 on two cores; memory five matrices [d, d]. Neither depends on the number of rows.

    Args:
        moments: of n rows of width d.
        wanted: how many components to keep. There are as many as the rank of the correlation matrix, at most
            min(n - 1, d); if more are asked for, the model keeps those and has a note.

    Raises:
        NothingToFitError: the rows do not vary.
    """
    if moments.count < 2:
        raise NothingToFitError(f"PCA needs at least 2 images with features, and the table has {moments.count}")
    std = np.sqrt(np.diag(moments.scatter) / (moments.count - 1))
    scale = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
    variances, directions = principal_axes(correlation(moments, scale))
    if not len(variances):
        raise NothingToFitError(f"PCA needs images that differ, and the features of all {moments.count} are the same")
    ratios = variances / np.count_nonzero(scale)
    k = wanted.keep(ratios)
    return PcaModel(
        mean=moments.mean,
        std=std,
        scale=scale,
        components=with_fixed_signs(directions[:k]),
        explained_variance=variances[:k],
        explained_variance_ratio=ratios[:k],
        rows=moments.count,
        notes=shortfall(wanted, len(ratios), moments),
    )


def correlation(moments: CoMoments, scale: Vector) -> Matrix:
    """Return the correlation matrix [d, d], the covariance of the standardised columns; 0 for constant columns."""
    matrix = moments.scatter * scale
    matrix *= (scale / (moments.count - 1))[:, None]
    np.fill_diagonal(matrix, scale > 0)
    return matrix


def principal_axes(symmetric: Matrix) -> tuple[Vector, Matrix]:
    """Return eigenvalues [r] and unit eigenvectors [r, d] of a positive semi-definite matrix of rank r, largest first.

    Eigenvalues below d · eps · the largest are left out: with rounding they may be zero, and their directions noise.
    """
    values, vectors = np.linalg.eigh(symmetric)
    rounding = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    rank = int(np.count_nonzero(values > rounding))
    return values[::-1][:rank], vectors.T[::-1][:rank]


def with_fixed_signs(directions: Matrix) -> NDArray[np.float64]:
    """Return the directions [k, d], each with the sign that makes its first entry of largest magnitude positive.

    An eigenvector and its opposite are equally right, and a solver may return either: with this rule two fits agree.
    """
    largest = np.argmax(np.abs(directions), axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return np.ascontiguousarray(directions * signs[:, None])


def shortfall(wanted: Components, rank: int, moments: CoMoments) -> tuple[str, ...]:
    """Return the note that fewer components exist than were asked for; no note if there are enough."""
    if not isinstance(wanted, ComponentCount) or wanted.number <= rank:
        return ()
    return (
        f"{wanted.number} components were asked for and {rank} kept: {moments.count} images with "
        f"{len(moments.mean)} features each vary in no more than {rank} directions",
    )
