"""The scree plot: each component's share of the variance as bars, and their cumulative sum as a line."""

import io
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pomona.pca.model import PcaModel
from pomona.refit.report.palette import LIGHT

PNG_DPI = 144
SEPARATE_BARS = 60
"""With more components, gaps between the bars could not be seen."""
MARKED_COMPONENTS = 20
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


class Size(NamedTuple):
    """Width and height of the figure, in inches of 96 CSS pixels."""

    width: float
    height: float


WIDE = Size(10.4, 3.2)
NARROW = Size(3.6, 2.9)
PNG_SIZE = Size(8, 4.5)


def png(model: PcaModel) -> bytes:
    """Return the plot as a PNG on white, with a title."""
    figure, axes = _draw(model, PNG_SIZE)
    axes.set_title(description(model), loc="left", fontsize=10)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return content.getvalue()


def svg(model: PcaModel, size: Size) -> bytes:
    """Return the plot as an SVG in the colours of LIGHT, on a transparent background; text is in the reader's fonts."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pomona"}):
        figure, _ = _draw(model, size)
        content = io.BytesIO()
        figure.savefig(content, format="svg", transparent=True, metadata=NO_METADATA)
    return content.getvalue()


def description(model: PcaModel) -> str:
    """Return the plot in a sentence."""
    return f"{len(model.components)} components explain {100 * model.variance:.1f} % of the variance"


def _draw(model: PcaModel, size: Size) -> tuple[Figure, Axes]:
    """Draw the plot. The figure belongs to no window and to no list of figures, so nothing is left when it is gone."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    shares = 100 * model.explained_variance_ratio
    numbers = np.arange(1, len(shares) + 1)
    if len(shares) <= SEPARATE_BARS:
        axes.bar(numbers, shares, color=LIGHT.bar, width=0.8)
    else:
        axes.stairs(shares, np.arange(len(shares) + 1) + 0.5, fill=True, color=LIGHT.bar)
    cumulative = axes.twinx()
    marker = "o" if len(shares) <= MARKED_COMPONENTS else ""
    cumulative.plot(numbers, np.cumsum(shares), color=LIGHT.sum, linewidth=2, marker=marker, markersize=4)
    axes.set_xlabel("component", color=LIGHT.quiet)
    axes.set_ylabel("explained variance, %", color=LIGHT.quiet)
    cumulative.set_ylabel("cumulative, %", color=LIGHT.sum)
    cumulative.set_ylim(0, 104)
    axes.set_xlim(0.4, len(shares) + 0.6)
    ticks = 10 if size.width > NARROW.width else 5
    axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT.quiet, length=0)
    axes.tick_params(axis="x", pad=8)  # keeps the last number away from the 0 of the right axis
    cumulative.tick_params(colors=LIGHT.sum, length=0)
    for side in (*axes.spines.values(), *cumulative.spines.values()):
        side.set_visible(False)
    return figure, axes
