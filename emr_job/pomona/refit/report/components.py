"""components.png: the first principal components as scatter plots, drawn with matplotlib without a display."""

import io
import warnings

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pomona.pca.model import PcaModel
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report.palette import class_groups, legend

INK, GRID = "#1f2430", "#d9dde3"
LONGEST_NAME = 28
Pair = tuple[int, int]


def components_png(sample: ProjectionSample, model: PcaModel) -> bytes:
    """Return scatter plots of the first components in pairs: one point an image, coloured by class."""
    pairs = _pairs(len(model.components))
    figure, panels = _figure(5.2 * len(pairs), 5.2, len(pairs))
    groups = class_groups(sample.labels)
    points, of_point = _matrix(sample), np.array([groups[label] for label in sample.labels], dtype=int)
    for panel, pair in zip(panels, pairs, strict=True):
        _scatter(panel, points, of_point, pair, groups)
        _style(panel)
        panel.set(xlabel=_axis_name(pair[0], model), ylabel=_axis_name(pair[1], model))
    _add_legend(figure, panels)
    return _png(figure)


def _pairs(k: int) -> list[Pair]:
    """Return which components are drawn against which. With fewer than two, the second axis is empty."""
    return [(0, 1), (0, 2), (1, 2)] if k >= 3 else [(0, 1)]


def _matrix(sample: ProjectionSample) -> NDArray[np.float64]:
    """Return the sampled points [n, 2 or more]; a missing second component is 0."""
    points = np.array(sample.points, dtype=np.float64).reshape(len(sample.points), -1)
    return np.pad(points, ((0, 0), (0, max(2 - points.shape[1], 0))))


def _scatter(
    panel: Axes, points: NDArray[np.float64], of_point: NDArray[np.int_], pair: Pair, groups: dict[str, int]
) -> None:
    size = float(np.clip(6000 / max(len(points), 1), 6, 36))
    for name, colour, group in reversed(legend(groups)):
        chosen = points[of_point == group]
        label = _plain(name)
        panel.scatter(chosen[:, pair[0]], chosen[:, pair[1]], s=size, c=colour, alpha=0.75, linewidths=0, label=label)


def _plain(name: str) -> str:
    """Return a label as plain text of bounded length: matplotlib reads $…$ as mathematics, and hides a leading _."""
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


def _figure(width: float, height: float, panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure that belongs to no window and to no list of figures, so that nothing is left when it is gone."""
    with matplotlib.rc_context({"text.color": INK, "axes.labelcolor": INK, "font.size": 10}):
        figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
        return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _style(axes: Axes) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
    axes.tick_params(colors=INK, length=0)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        # a label may be in any script, and the font lacks some: matplotlib draws a box instead
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
