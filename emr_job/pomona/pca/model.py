"""Standardising and principal component analysis from co-moments."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pomona.errors import JobError
from pomona.pca.comoments import CoMoments, Matrix, Vector
from pomona.pca.component_choice import ComponentCount, Components


class NothingToFitError(JobError):
    """The rows do not vary: there are fewer than two, or they are all alike."""


@dataclass(frozen=True, eq=False)
class PcaModel:
    """A fitted scaler and the principal components of what it gives; d features, k components, largest first.

    mean                      [d] what is subtracted from a row
    std                       [d] sample standard deviation (n - 1), 0 for a constant column
    scale                     [d] what the centred row is multiplied by: 1 / std, and 0 for a constant column
    components                [k, d] orthonormal rows: the directions of largest variance of the standardised features
    explained_variance        [k] sample variance (n - 1) along each of them
    explained_variance_ratio  [k] the same as a share of the total variance of the standardised features
    rows                      n, what the model was fitted to
    notes                     sentences that say where the model is less than what was asked for
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
        """The share of the variance that all components kept explain together."""
        return float(self.explained_variance_ratio.sum())

    def noting(self, notes: tuple[str, ...]) -> "PcaModel":
        """The same model with these notes too."""
        return replace(self, notes=self.notes + notes)


def fit(moments: CoMoments, wanted: Components) -> PcaModel:
    """Standardise with mean and sample standard deviation, then PCA: the eigenvectors of the correlation matrix.

    Spark ML's StandardScaler(withMean, withStd) followed by PCA(k) computes the same, up to the sign of a component.
    So does scikit-learn's StandardScaler followed by PCA, components and variance ratios alike; its scaler divides by
    the population's standard deviation, so its explained_variance_ is this one times n / (n - 1).

    There are as many components as the correlation matrix has rank, at most min(n - 1, d); asked for more, the model
    keeps those and says so in its notes. O(d³) time (0.5 s for d = 1,280 on two cores), five matrices [d, d] of memory;
    the number of rows plays no part. Raises NothingToFitError when the rows do not vary.
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
    """The correlation matrix [d, d]: the covariance of the standardised columns; 0 throughout for a constant one."""
    matrix = moments.scatter * scale
    matrix *= (scale / (moments.count - 1))[:, None]
    np.fill_diagonal(matrix, scale > 0)
    return matrix


def principal_axes(symmetric: Matrix) -> tuple[Vector, Matrix]:
    """Eigenvalues [r] and unit eigenvectors [r, d] of a positive semi-definite matrix of rank r, largest first.

    Eigenvalues that rounding cannot tell from zero (below d · eps · the largest) do not count: their directions
    would be noise.
    """
    values, vectors = np.linalg.eigh(symmetric)
    rounding = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    rank = int(np.count_nonzero(values > rounding))
    return values[::-1][:rank], vectors.T[::-1][:rank]


def with_fixed_signs(directions: Matrix) -> NDArray[np.float64]:
    """The same directions [k, d], each turned so that its entry of largest magnitude (the first such) is positive.

    An eigenvector and its opposite serve equally, and a solver may return either: with this rule two fits agree.
    """
    largest = np.argmax(np.abs(directions), axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return np.ascontiguousarray(directions * signs[:, None])


def shortfall(wanted: Components, rank: int, moments: CoMoments) -> tuple[str, ...]:
    """The note that says that fewer components exist than were asked for, if so."""
    if not isinstance(wanted, ComponentCount) or wanted.number <= rank:
        return ()
    return (
        f"{wanted.number} components were asked for and {rank} kept: {moments.count} images with "
        f"{len(moments.mean)} features each vary in no more than {rank} directions",
    )
