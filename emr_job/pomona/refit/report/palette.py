"""Which class has which colour, in every picture of a report alike."""

from collections import Counter

# P. Tol's "muted" scheme, the nine that are told apart with every kind of colour vision; grey is for all others
COLOURS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
OTHERS = "other classes"
OTHERS_COLOUR = "#9AA0A6"
UNLABELLED = "no label"


def shown_name(label: str) -> str:
    """The label as a legend shows it: those at the top of the bucket have none."""
    return label or UNLABELLED


def class_groups(labels: list[str]) -> dict[str, int]:
    """The group of each label: 0, 1, … by the number of its images (then by name), -1 for those beyond the colours."""
    ranked = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return {label: rank if rank < len(COLOURS) else -1 for rank, (label, _) in enumerate(ranked)}


def legend(groups: dict[str, int]) -> list[tuple[str, str, int]]:
    """Name, colour and group of each entry of the legend, the largest class first and the others last."""
    entries = [(shown_name(label), COLOURS[group], group) for label, group in groups.items() if group >= 0]
    beyond = sum(group < 0 for group in groups.values())
    return entries + ([(f"{beyond} {OTHERS}", OTHERS_COLOUR, -1)] if beyond else [])
