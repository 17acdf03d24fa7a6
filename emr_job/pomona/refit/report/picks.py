"""Which images the report shows: typical ones, suspects, near-duplicates, outliers, and further points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.suspects import Suspect, Suspects
from pomona.identify.near_duplicates import near_duplicates
from pomona.identify.neighbours import unit
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.thumbnails import MOST_THUMBNAILS

TYPICAL_CLASSES = 60
SHOWN_SUSPECTS = 60
SHOWN_OUTLIERS = 20
SHOWN_GROUPS, SHOWN_OF_A_GROUP = 10, 3
ALIKE = 0.99
"""The cosine of two projections from which on they are near-duplicates."""
Matrix = NDArray[np.floating]


@dataclass(frozen=True)
class Outlier:
    """An image of the sample that lies far from the mean of its class; `distance` is in mean distances of the class."""

    key: str
    label: str
    distance: float


@dataclass(frozen=True)
class AlikeImages:
    """Images of the sample that are near-duplicates; `keys` are the first of them, `images` is how many there are."""

    keys: tuple[str, ...]
    images: int
    similarity: float


@dataclass(frozen=True)
class Picks:
    """The images of the report. `typical` has an image of each of the largest classes, by label."""

    typical: Mapping[str, str]
    suspects: tuple[Suspect, ...]
    alike: tuple[AlikeImages, ...]
    outliers: tuple[Outlier, ...]
    points: tuple[str, ...]
    """Keys of further points that show their image."""

    @property
    def keys(self) -> list[str]:
        """Return the keys of all these images, each once, at most MOST_THUMBNAILS."""
        groups = (group.keys for group in self.alike)
        known = chain(
            (one.key for one in self.suspects),
            self.typical.values(),
            chain.from_iterable(groups),
            (one.key for one in self.outliers),
            self.points,
        )
        return list(dict.fromkeys(known))[:MOST_THUMBNAILS]


NO_PICKS = Picks({}, (), (), (), ())


def pick(sample: ProjectionSample, suspects: Suspects | None, class_means: Mapping[str, NDArray[np.float64]]) -> Picks:
    """Return the images to show.

    Args:
        sample: rows of the projections.
        suspects: of the evaluation; None without one.
        class_means: the projected mean [k] of each class.
    """
    rows = sample.matrix
    spacing = max(len(sample.keys) // MOST_THUMBNAILS, 1)
    typical, outliers = _by_class(sample, rows, class_means)
    return Picks(
        typical=typical,
        suspects=tuple(suspects.found[:SHOWN_SUSPECTS]) if suspects else (),
        alike=_alike(sample, rows),
        outliers=outliers,
        points=tuple(sample.keys[::spacing]),
    )


def _by_class(
    sample: ProjectionSample, rows: Matrix, class_means: Mapping[str, NDArray[np.float64]]
) -> tuple[dict[str, str], tuple[Outlier, ...]]:
    """Return the image nearest to the mean of each of the largest classes, and those that lie farthest from theirs."""
    labels = np.array(sample.labels, dtype=object)
    typical: dict[str, str] = {}
    found: list[Outlier] = []
    order = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[order].astype(str), return_index=True)
    largest = {label for label, _ in sample.classes.most_common(TYPICAL_CLASSES)}
    for own in np.split(order, starts[1:]) if len(names) else ():
        label = sample.labels[own[0]]
        if not label or label not in class_means:
            continue
        distances = np.linalg.norm(rows[own] - class_means[label][: rows.shape[1]], axis=1)
        if label in largest:
            typical[label] = sample.keys[own[distances.argmin()]]
        mean = float(distances.mean())
        found += [
            Outlier(sample.keys[own[place]], label, float(distances[place]) / mean)
            for place in np.argsort(-distances)[:SHOWN_OUTLIERS]
            if mean and len(own) > 2
        ]
    return typical, tuple(sorted(found, key=lambda one: -one.distance)[:SHOWN_OUTLIERS])


def _alike(sample: ProjectionSample, rows: Matrix) -> tuple[AlikeImages, ...]:
    if not rows.size:
        return ()
    groups = near_duplicates(unit(rows).astype(np.float16), ALIKE)
    return tuple(
        AlikeImages(_keys(sample.keys, group.rows), len(group.rows), group.similarity)
        for group in groups[:SHOWN_GROUPS]
    )


def _keys(keys: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(keys[row] for row in rows[:SHOWN_OF_A_GROUP])
