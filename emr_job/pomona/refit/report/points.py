"""What the page's script draws: the sampled points with keys, classes and pictures."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pomona.pca.model import PcaModel
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report.palette import OTHERS_COLOUR, class_groups, legend, shown_name
from pomona.refit.report.wording import short

SHORTEST_KEY = 20
BYTES_A_CHARACTER = 6
"""At most, as JSON in ASCII."""


@dataclass(frozen=True)
class Detail:
    """How much of long names the page shows. Names are the only content without a bound of its own."""

    label: int
    """Characters of a label where every class is listed."""
    bytes_of_keys: int
    """Of the keys of all points, as JSON."""
    failures: int
    """Images that failed and are listed."""


@dataclass(frozen=True)
class Picture:
    """A thumbnail: its number on the page, and its address `data:…`."""

    number: int
    address: str


def points_data(
    sample: ProjectionSample, model: PcaModel, pictures: Mapping[str, Picture], on_page: Collection[str], detail: Detail
) -> dict[str, Any]:
    """Return the document.

    Args:
        sample: the points.
        model: for the shares of the components.
        pictures: by key.
        on_page: keys whose picture the page has anyway: of those the document has the number alone.
        detail: how long names and keys may be.
    """
    groups = class_groups(sample.labels)
    classes = {label: number for number, label in enumerate(groups)}
    shown = {place: pictures[key] for place, key in enumerate(sample.keys) if key in pictures}
    return {
        "points": [[round(value, 4) for value in point] for point in sample.points],
        "keys": shown_keys(sample.keys, detail.bytes_of_keys),
        "classes": [short(shown_name(label), detail.label) for label in classes],
        "labels": [classes[label] for label in sample.labels],
        "groups": [groups[label] for label in sample.labels],
        "legend": [{"name": short(name), "colour": colour, "group": group} for name, colour, group in legend(groups)],
        "others": OTHERS_COLOUR,
        "shares": [round(100 * float(ratio), 2) for ratio in model.explained_variance_ratio[:4]],
        "numbers": {place: one.number for place, one in shown.items() if sample.keys[place] in on_page},
        "pictures": {place: one.address for place, one in shown.items() if sample.keys[place] not in on_page},
    }


def shown_keys(keys: list[str], most_bytes: int) -> list[str]:
    """Return the keys; if as JSON they are too long all together, the ends of the long ones."""
    if sum(len(json.dumps(key)) for key in keys) <= most_bytes:
        return keys
    longest = max(most_bytes // (BYTES_A_CHARACTER * len(keys)), SHORTEST_KEY)
    return [key if len(key) <= longest else f"…{key[1 - longest :]}" for key in keys]


def points_note(sample: ProjectionSample) -> str:
    """Return how many of the images are points."""
    if sample.spacing == 1:
        return "Every point is an image."
    return f"{len(sample.points):,} of {sample.rows:,} images are shown: every {sample.spacing:,}th."
