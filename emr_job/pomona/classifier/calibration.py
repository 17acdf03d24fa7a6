"""How far the classifier's probabilities may be believed: one temperature, and the calibration error that is left."""

import numpy as np
from numpy.typing import NDArray

BINS = 15
_LOWEST_SCORE = -1e30
"""In place of -inf, of which 0 · -inf would be no number."""
_STEPS, _TOLERANCE = 50, 1e-6
_NEGLIGIBLE = 1e-12
"""Of the mean log-loss: a step that would win less is not made. Where the classes are apart, every step wins so little,
and the largest likelihood lies at no finite temperature."""
_INVERSE_BOUNDS = (1e-4, 1e2)


def temperature(scores: NDArray[np.float64], codes: NDArray[np.integer]) -> float:
    """Return the temperature at which the scores [n, C] give the true classes [n] the largest likelihood.

    LDA on many correlated features is overconfident. The log-loss is convex in the inverse temperature β; its root is
    found by Newton steps inside a bracket. Returns 1 for no rows, and where the scores leave no doubt of any class.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017, 4.2. What a
    step wins: S. Boyd, L. Vandenberghe, "Convex Optimization", 2004, 9.5.1 (the Newton decrement).
    """
    if not len(scores):
        return 1.0
    shifted = np.maximum(scores - scores.max(axis=1, keepdims=True), _LOWEST_SCORE)
    true = shifted[np.arange(len(codes)), codes]
    low, high = _INVERSE_BOUNDS
    beta = 1.0
    for _ in range(_STEPS):
        slope, curvature = _derivatives(shifted, true, beta)
        if slope**2 <= 2 * _NEGLIGIBLE * curvature or not slope:
            break
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else low
        following = step if low < step < high else float(np.sqrt(low * high))
        if abs(following - beta) <= _TOLERANCE * beta:
            break
        beta = following
    return 1 / beta


def log_loss(scores: NDArray[np.float64], codes: NDArray[np.integer], at: float) -> float:
    """Return the mean negative log-probability of the true classes [n] at the temperature `at`; 0 for no rows."""
    if not len(scores):
        return 0.0
    divided = np.maximum(scores - scores.max(axis=1, keepdims=True), _LOWEST_SCORE) / at
    true = divided[np.arange(len(codes)), codes]
    return float(np.mean(np.log(np.exp(divided).sum(axis=1)) - true))


def _derivatives(shifted: NDArray[np.float64], true: NDArray[np.float64], beta: float) -> tuple[float, float]:
    """Return the first and second derivative of the mean log-loss by β."""
    shares = shifted * beta
    np.exp(shares, out=shares)
    totals = shares.sum(axis=1)
    shares *= shifted
    means = shares.sum(axis=1) / totals
    shares *= shifted
    squares = shares.sum(axis=1) / totals
    return float(np.mean(means - true)), float(np.mean(squares - means**2))
