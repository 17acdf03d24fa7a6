"""The pictures of a refit as PNG files, drawn with matplotlib without a display."""

import io
import warnings

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pomona.pca.model import PcaModel
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report.palette import class_groups, legend

INK, FAINT, BAR, LINE = "#1f2430", "#d9dde3", "#4477AA", "#CC6677"
PNG = "image/png"
LONGEST_NAME = 28


def scree_png(model: PcaModel) -> bytes:
    """Share of variance of each component as bars, the cumulative share as a line."""
    figure, [axes] = _figure(8, 4.5)
    shares = 100 * model.explained_variance_ratio
    numbers = np.arange(1, len(shares) + 1)
    axes.bar(numbers, shares, color=BAR, width=0.8)
    axes.set(xlabel="component", ylabel="explained variance, %")
    cumulative = axes.twinx()
    cumulative.plot(numbers, np.cumsum(shares), color=LINE, linewidth=2, marker="o" if len(shares) < 20 else "")
    cumulative.set(ylabel="cumulative, %", ylim=(0, 104))
    cumulative.yaxis.label.set_color(LINE)
    _clean(axes, cumulative)
    axes.locator_params(axis="x", integer=True)
    axes.set_title(f"{len(shares)} components explain {100 * model.variance:.1f} % of the variance", loc="left")
    return _png(figure)


def components_png(sample: ProjectionSample, model: PcaModel) -> bytes:
    """The first components two by two, one point an image, coloured by class."""
    pairs = _pairs(len(model.components))
    figure, panels = _figure(5.2 * len(pairs), 5.2, len(pairs))
    groups = class_groups(sample.labels)
    points, of_point = _matrix(sample), np.array([groups[label] for label in sample.labels], dtype=int)
    for panel, pair in zip(panels, pairs, strict=True):
        _scatter(panel, points, of_point, pair, groups)
        _clean(panel)
        panel.set(xlabel=_axis_name(pair[0], model), ylabel=_axis_name(pair[1], model))
    _add_legend(figure, panels)
    return _png(figure)


def _pairs(k: int) -> list[tuple[int, int]]:
    """Which components are drawn against which; a single one is drawn against nothing."""
    return [(0, 1), (0, 2), (1, 2)] if k >= 3 else [(0, 1)]


def _matrix(sample: ProjectionSample) -> NDArray[np.float64]:
    """The sampled points [n, 2 or more]; a missing second component is 0."""
    points = np.array(sample.points, dtype=np.float64).reshape(len(sample.points), -1)
    return np.pad(points, ((0, 0), (0, max(2 - points.shape[1], 0))))


def _scatter(
    panel: Axes,
    points: NDArray[np.float64],
    of_point: NDArray[np.int_],
    pair: tuple[int, int],
    groups: dict[str, int],
) -> None:
    size = float(np.clip(6000 / max(len(points), 1), 6, 36))
    for name, colour, group in reversed(legend(groups)):
        chosen = points[of_point == group]
        label = _plain(name)
        panel.scatter(chosen[:, pair[0]], chosen[:, pair[1]], s=size, c=colour, alpha=0.75, linewidths=0, label=label)


def _plain(name: str) -> str:
    """A label as plain text of bounded length: matplotlib takes $…$ for mathematics, and hides what starts with _."""
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in short)
    return "\N{ZERO WIDTH SPACE}" * printable.startswith("_") + printable.replace("$", r"\$")


def _axis_name(component: int, model: PcaModel) -> str:
    if component >= len(model.components):
        return ""
    return f"component {component + 1} ({100 * model.explained_variance_ratio[component]:.1f} %)"


def _add_legend(figure: Figure, panels: list[Axes]) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles[::-1], labels[::-1], loc="outside lower center", ncols=5, frameon=False, markerscale=2, fontsize=9
    )


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure that belongs to no window and to no list of figures, so that nothing is left when it is gone."""
    with matplotlib.rc_context({"text.color": INK, "axes.labelcolor": INK, "font.size": 10}):
        figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _clean(*axes: Axes) -> None:
    for each in axes:
        for side, spine in each.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(FAINT)
        each.tick_params(colors=INK, length=0)
    axes[0].grid(color=FAINT, linewidth=0.6)
    axes[0].set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        # a label may be in any script, and the font has not all of them: a box is drawn instead
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
