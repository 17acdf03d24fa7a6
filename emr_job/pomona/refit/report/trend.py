"""The history of the refits as small plots side by side: images, failed images, variance, accuracy and cost."""

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from pomona.refit.history import PastRefit
from pomona.refit.report.palette import LIGHT
from pomona.refit.report.scree import NARROW as NARROW_SCREE
from pomona.refit.report.scree import NO_METADATA, WIDE, Size
from pomona.refit.report.wording import compact, percent

FEWEST_REFITS = 2
HEIGHT = 1.5  # inches, of a row of plots


class Figures(NamedTuple):
    """What a plot shows of each refit."""

    title: str
    of: Callable[[PastRefit], float | None]
    text: Callable[[float], str]


PLOTS = (
    Figures("images", lambda refit: refit.rows, lambda value: compact(round(value))),
    Figures("failed", lambda refit: refit.errors, lambda value: compact(round(value))),
    Figures("variance", lambda refit: refit.variance, percent),
    Figures("accuracy", lambda refit: refit.accuracy, percent),
    Figures("cost", lambda refit: refit.cost, lambda value: f"{value:.4f}"),
)


def svg(refits: Sequence[PastRefit], *, is_narrow: bool) -> bytes:
    """Return the plots as an SVG in the colours of LIGHT on a transparent background, the oldest refit on the left.

    What is not known of a refit is a gap in its line.
    """
    ordered = sorted(refits, key=lambda refit: refit.refitted_at)
    rows, columns = (3, 2) if is_narrow else (1, len(PLOTS))
    size = Size(NARROW_SCREE.width if is_narrow else WIDE.width, HEIGHT * rows)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pomona"}):
        figure = Figure(figsize=size, layout="constrained")
        places = figure.subplots(rows, columns, sharex=True).ravel()
        for axes, plot in zip(places, PLOTS, strict=False):
            _draw(axes, ordered, plot)
        for axes in places[len(PLOTS) :]:
            axes.set_visible(False)
        content = io.BytesIO()
        figure.savefig(content, format="svg", transparent=True, metadata=NO_METADATA)
    return content.getvalue()


def description(refits: Sequence[PastRefit]) -> str:
    """Return the plots in a sentence; the table beside them has the figures."""
    return (
        f"Images, failed images, variance, accuracy and cost of {len(refits)} refits; the table below has the figures"
    )


def _draw(axes: Axes, refits: Sequence[PastRefit], plot: Figures) -> None:
    """Draw a line through the figures of the refits, and write the smallest and the largest beside it."""
    moments = date2num([datetime.fromisoformat(refit.refitted_at) for refit in refits])
    values = np.array([np.nan if (value := plot.of(refit)) is None else value for refit in refits], float)
    axes.set_title(plot.title, loc="left", fontsize=10, color=LIGHT.quiet)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.margins(0.08, 0.3)
    if np.isnan(values).all():
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", fontsize=9, color=LIGHT.quiet)
        return
    axes.plot(moments, values, color=LIGHT.bar, linewidth=1.8, marker="o", markersize=2.5)
    low, high = np.nanmin(values), np.nanmax(values)
    axes.set_yticks(sorted({low, high}), labels=[plot.text(value) for value in sorted({low, high})])
    axes.tick_params(colors=LIGHT.quiet, length=0, labelsize=9)
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.8)
    axes.set_axisbelow(True)
