"""The scree plot of the report: a drawing in SVG that takes its colours from the page, light or dark."""

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 48, 16, 36
SHOWN = 200
"""Bars beyond this many could not be told apart."""


def scree_svg(ratios: NDArray[np.float64]) -> str:
    """Share of the variance [k] of each component as bars (left axis), their sum as a line (right axis)."""
    shares = 100 * ratios[:SHOWN]
    top = _round_up(float(shares[0]))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Explained variance of each component">'
        f"{_grid(top)}{_bars(shares, top)}{_cumulative(np.cumsum(shares))}{_numbers(len(shares))}</svg>"
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 · 10ⁿ (in %) at or above value."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(min(next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999), 100))


def _x(position: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * position / count


def _y(share_of_top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share_of_top)


def _grid(top: float) -> str:
    lines = []
    for quarter in range(5):
        y, share = _y(quarter / 4), quarter / 4
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share * top:.3g} %</text>'
            f'<text class="sum" x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}">{share * 100:.0f} %</text>'
        )
    return "".join(lines)


def _bars(shares: NDArray[np.float64], top: float) -> str:
    count = len(shares)
    width = (WIDTH - LEFT - RIGHT) / count
    gap = min(width * 0.2, 4)
    return "".join(
        f'<rect class="bar" x="{_x(i, count) + gap / 2:.2f}" y="{_y(share / top):.2f}" width="{width - gap:.2f}" '
        f'height="{max(_y(0) - _y(share / top), 0.5):.2f}"><title>component {i + 1}: {share:.2f} %</title></rect>'
        for i, share in enumerate(shares)
    )


def _cumulative(sums: NDArray[np.float64]) -> str:
    count = len(sums)
    points = [(_x(i + 0.5, count), _y(min(total / 100, 1))) for i, total in enumerate(sums)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return f'<polyline class="sum" points="{path}"/><circle class="sum" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _numbers(count: int) -> str:
    step = max(round(count / 10), 1)
    shown = [1, *range(step, count + 1, step)] if step > 1 else list(range(1, count + 1))
    return "".join(
        f'<text x="{_x(i - 0.5, count):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{i}</text>' for i in shown
    )
