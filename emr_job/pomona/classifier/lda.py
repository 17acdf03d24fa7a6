"""Linear discriminant analysis with shrinkage, in closed form from co-moments and class sums."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pomona.pca.comoments import CoMoments, Matrix, Vector

if TYPE_CHECKING:
    from pomona.classifier.class_moments import ClassSums

SHRINKAGES = (1e-4, 0.01, 0.1, 0.3)
ROUNDING = 1e-10
"""A within-class variance below this is rounding: each class is one point, and the nearest class wins."""


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Class c has the score weights[c] · row + bias[c]; the softmax of the scores is its probability.

    weights  [C, d] float64, for rows of raw features
    bias     [C] float64; -inf for a class that has no rows: it is never predicted
    """

    weights: Matrix
    bias: Vector

    def scores(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the scores [n, C] of rows [n, d]: log-probabilities up to a constant for each row."""
        scores: NDArray[np.float64] = rows.astype(np.float64, copy=False) @ self.weights.T
        scores += self.bias
        return scores

    def at_temperature(self, temperature: float) -> "LinearClassifier":
        """Return the classifier whose scores are divided by `temperature`: predictions stay, probabilities change."""
        return LinearClassifier(self.weights / temperature, self.bias / temperature)


@dataclass(frozen=True, eq=False)
class LdaStatistics:
    """What LDA makes of the rows before it shrinks: computed once, fitted for several shrinkages.

    mean, scale  [d] standardise a row: (row - mean) * scale; scale is 0 for a column that does not vary
    means        [C, d] the classes' standardised mean rows
    within       [d, d] the pooled within-class covariance of the standardised rows: their scatter divided by n
    counts       [C] rows of each class
    """

    mean: Vector
    scale: Vector
    means: Matrix
    within: Matrix
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, moments: CoMoments, classes: "ClassSums") -> "LdaStatistics":
        """Within-class scatter = total scatter - between-class scatter. `moments` are of the same rows as `classes`.

        Standardised by the rows' own deviation, so that shrinkage treats all features alike. O(C d² + d²).
        """
        std = np.sqrt(np.diag(moments.scatter) / max(moments.count, 1))
        scale = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
        means = (classes.means - moments.mean) * scale
        means[classes.counts == 0] = 0.0
        weighted = means * np.sqrt(classes.counts)[:, None]
        within = moments.scatter * scale
        within *= scale[:, None]
        within -= weighted.T @ weighted
        within /= max(moments.count, 1)
        return cls(moments.mean, scale, means, within, classes.counts)

    def fit(self, shrinkage: float) -> LinearClassifier:
        """Return the classifier for a within-class covariance shrunk towards a multiple of the identity.

        (1 - shrinkage) · within + shrinkage · (trace / d) · identity, with the pooled matrix. The classes' priors are
        their shares of the rows. Without shrinkage, and with more rows than columns, this is scikit-learn's
        LinearDiscriminantAnalysis(solver="lsqr"). One solve, O(d³ + C d²).

        Source: T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2nd edition, 4.3
        (discriminant functions) and 4.3.1 (regularised covariance).
        """
        varying = self.scale > 0
        standardised = np.zeros_like(self.means)
        standardised[:, varying] = _solved(self._shrunk(varying, shrinkage), self.means[:, varying].T).T
        with np.errstate(divide="ignore"):
            priors = np.log(self.counts / max(self.counts.sum(), 1))
        bias = priors - np.einsum("ij,ij->i", standardised, self.means) / 2
        weights = standardised * self.scale
        return LinearClassifier(weights, bias - weights @ self.mean)

    def _shrunk(self, varying: NDArray[np.bool_], shrinkage: float) -> Matrix:
        width = int(np.count_nonzero(varying))
        variance = np.trace(self.within) / max(width, 1)
        if variance < ROUNDING:
            return np.eye(width)
        within = self.within if width == len(varying) else self.within[np.ix_(varying, varying)]
        covariance: Matrix = within * (1 - shrinkage)
        covariance.flat[:: width + 1] += shrinkage * variance
        return covariance


def _solved(covariance: Matrix, means: Matrix) -> Matrix:
    """Solve covariance · x = means; by least squares where the matrix is singular (every class is one point).

    LAPACK wants columns. Of a symmetric matrix in rows, the transpose is the same in columns, and is copied faster.
    """
    try:
        return np.asarray(np.linalg.solve(covariance.T, means), np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(covariance, means, rcond=None)[0], np.float64)


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of each row of scores [n, C]; they add up to 1."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return shares
