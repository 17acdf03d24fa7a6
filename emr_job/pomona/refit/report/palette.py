"""The colours of a report: of the page in light and dark, and of the classes in every picture alike."""

from collections import Counter
from typing import NamedTuple


class Theme(NamedTuple):
    """Colours of the page and its scree plot."""

    quiet: str
    """Text of the axes."""
    line: str
    """Grid."""
    bar: str
    sum: str
    """The line of the cumulative share."""


LIGHT = Theme(quiet="#5f6878", line="#e6e3dd", bar="#4477aa", sum="#c2566a")
DARK = Theme(quiet="#98a0ae", line="#2c313b", bar="#6f9fd0", sum="#e58a9a")


def in_dark(svg: bytes) -> bytes:
    """Return a drawing in the colours of LIGHT as it is drawn in those of DARK: to draw it again takes far longer."""
    for light, dark in zip(LIGHT, DARK, strict=True):
        svg = svg.replace(light.encode(), dark.encode())
    return svg


# P. Tol's "muted" scheme, nine colours that people with any colour vision tell apart; grey is for all others
COLOURS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
OTHERS = "other classes"
OTHERS_COLOUR = "#9AA0A6"
UNLABELLED = "no label"


def shown_name(label: str) -> str:
    """Return the label as a legend shows it; images at the top of the bucket have none."""
    return label or UNLABELLED


def class_groups(labels: list[str]) -> dict[str, int]:
    """Return the group of each label: 0, 1, … by the number of its images, then by name; -1 beyond the colours."""
    ranked = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return {label: rank if rank < len(COLOURS) else -1 for rank, (label, _) in enumerate(ranked)}


def legend(groups: dict[str, int]) -> list[tuple[str, str, int]]:
    """Return name, colour and group of each entry of the legend, the largest class first and the others last."""
    entries = [(shown_name(label), COLOURS[group], group) for label, group in groups.items() if group >= 0]
    beyond = sum(group < 0 for group in groups.values())
    return entries + ([(f"{beyond} {OTHERS}", OTHERS_COLOUR, -1)] if beyond else [])
