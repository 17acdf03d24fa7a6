"""Groups of copies: images of the same content by etag and size, joined with those that look nearly the same.

The table is read twice. The first time finds which contents occur more than once, in bounded memory; the second time
takes the rows of these contents and of the near-copies. So the memory follows the number of copies, not of images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pomona.classifier.folds import stable_hash
from pomona.classifier.natural_order import natural_key
from pomona.classifier.repeats import Repeats
from pomona.identify.copies import kept_images
from pomona.identify.near_duplicates import joined, near_duplicates
from pomona.identify.neighbours import Neighbours
from pomona_cli.table.reader import TableReader

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

CONTENT = ("etag", "size")
COLUMNS = ("key", "label", *CONTENT, "width", "height", "last_modified", "featurized_at")
OnRows = Callable[[int], None]


@dataclass(frozen=True)
class CopiedImage:
    """An image of a group.

    copy_of     key of the image that is kept in its place; None if this one is kept
    is_exact    it has the content of that image
    similarity  cosine with that image; None if this one is kept
    """

    key: str
    label: str | None
    width: int
    height: int
    size: int
    last_modified: datetime | None
    copy_of: str | None
    is_exact: bool
    similarity: float | None

    def document(self) -> dict[str, Any]:
        """Return the fields as JSON and CSV have them."""
        return {
            "key": self.key,
            "label": self.label,
            "keep": self.copy_of is None,
            "copy_of": self.copy_of,
            "exact": self.is_exact,
            "similarity": None if self.similarity is None else round(self.similarity, 4),
            "width": self.width,
            "height": self.height,
            "size": self.size,
            "last_modified": self.last_modified,
        }


@dataclass(frozen=True, eq=False)
class LookAlikes:
    """Near-copies among the images of the last refit.

    rows    rows of the index [m] that are in a group
    groups  the number of the group of each [m]
    """

    index: Neighbours
    rows: NDArray[np.intp]
    groups: NDArray[np.intp]

    @classmethod
    def found_in(cls, index: Neighbours, threshold: float, on_rows: OnRows | None = None) -> "LookAlikes":
        """Compare all pairs of the index."""
        found = near_duplicates(index.vectors, threshold, on_rows)
        rows = [np.array(group.rows, np.intp) for group in found]
        return cls(
            index,
            np.concatenate([np.empty(0, np.intp), *rows]),
            np.repeat(np.arange(len(found)), [len(group) for group in rows]),
        )

    def places(self, keys: pa.Array) -> NDArray[np.intp]:
        """Return for each key [n] its place in `rows`, -1 for a key that is in no group."""
        return np.asarray(pc.fill_null(pc.index_in(keys, self._keys), -1), np.intp)

    @cached_property
    def _keys(self) -> pa.Array:
        return pa.array([self.index.key(int(row)) for row in self.rows], pa.string())


@dataclass(frozen=True, eq=False)
class Copies:
    """The images that are in a group of at least two, as rows of a table.

    images    COLUMNS of each [m]
    contents  a number [m] that only images of the same content share
    vectors   row [m] in the index, -1 for none
    groups    the rows of each group, the largest group first, the best image of a group first
    """

    images: pa.Table
    contents: NDArray[np.intp]
    vectors: NDArray[np.intp]
    groups: list[NDArray[np.intp]]
    alike: LookAlikes | None
    threshold: float

    def __iter__(self) -> Iterator[list[CopiedImage]]:
        """Yield the images of each group; first the one to keep."""
        return (self._group(rows) for rows in self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def _group(self, rows: NDArray[np.intp]) -> list[CopiedImage]:
        images = self.images.take(rows).to_pylist()
        order = sorted(range(len(rows)), key=lambda number: _best_first(images[number]))
        images, rows = [images[number] for number in order], rows[order]
        kept, similarity = kept_images(self._vectors(rows), self.contents[rows], self.threshold)
        found = []
        for number, (image, first, alike) in enumerate(zip(images, kept.tolist(), similarity.tolist(), strict=True)):
            is_kept = first == number
            found.append(
                CopiedImage(
                    **{name: image[name] for name in ("key", "label", "width", "height", "size", "last_modified")},
                    copy_of=None if is_kept else images[first]["key"],
                    is_exact=bool(not is_kept and self.contents[rows[first]] == self.contents[rows[number]]),
                    similarity=None if is_kept else alike,
                )
            )
        return found

    def _vectors(self, rows: NDArray[np.intp]) -> NDArray[np.float16]:
        if self.alike is None:
            return np.zeros((len(rows), 1), np.float16)
        places = self.vectors[rows]
        return np.where((places >= 0)[:, None], self.alike.index.vectors[places], np.float16(0))


def find_copies(
    table: TableReader,
    where: "BooleanExpression",
    alike: LookAlikes | None,
    compared_until: datetime | None,
    threshold: float,
) -> Copies:
    """Return the groups of copies among the rows that match and could be read.

    Args:
        table: the feature table.
        where: the filter.
        alike: the near-copies of the last refit; None without an index.
        compared_until: when the snapshot of the last refit was committed; an image that has changed since then is in
            no group of `alike`.
        threshold: the smallest cosine of near-copies.
    """
    from pyiceberg.expressions import And, IsNull

    readable = And(where, IsNull("error"))
    repeats = _repeated_contents(table, readable)
    candidates = [_candidates(batch, repeats, alike, compared_until) for batch in table.batches(COLUMNS, readable)]
    images = pa.Table.from_batches([batch for batch, _ in candidates], schema=table.schema(COLUMNS))
    places = np.concatenate([np.empty(0, np.intp), *(places for _, places in candidates)])
    contents = _content_numbers(images)
    pairs = [_pairs(contents)]
    vectors = np.full(len(places), -1)
    if alike is not None:
        is_alike = places >= 0
        vectors[is_alike] = alike.rows[places[is_alike]]
        pairs.append(_pairs(np.where(is_alike, alike.groups[places] if len(alike.groups) else -1, -1)))
    groups = _groups(len(places), *(np.concatenate(ends) for ends in zip(*pairs, strict=True)))
    return Copies(images, contents, vectors, groups, alike, threshold)


def _repeated_contents(table: TableReader, where: "BooleanExpression") -> Repeats:
    repeats = Repeats.for_values(table.count(where))
    for batch in table.batches(CONTENT, where):
        repeats.add(_hashes(batch))
    return repeats


def _hashes(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    contents = zip(batch["etag"].to_pylist(), batch["size"].to_pylist(), strict=True)
    return np.fromiter((stable_hash(f"{etag} {size}") for etag, size in contents), np.uint64, batch.num_rows)


def _candidates(
    batch: pa.RecordBatch, repeats: Repeats, alike: LookAlikes | None, compared_until: datetime | None
) -> tuple[pa.RecordBatch, NDArray[np.intp]]:
    """Return the rows that may be copies, and their places in `alike`."""
    places = np.full(batch.num_rows, -1)
    if alike is not None:
        places = alike.places(batch["key"])
        if compared_until is not None:
            is_newer = pc.greater(batch["featurized_at"], pa.scalar(compared_until, batch["featurized_at"].type))
            places[np.asarray(pc.fill_null(is_newer, False))] = -1
    chosen = (places >= 0) | (repeats.hold(_hashes(batch)) & np.asarray(pc.is_valid(batch["etag"])))
    return batch.filter(pa.array(chosen)), places[chosen]


def _content_numbers(images: pa.Table) -> NDArray[np.intp]:
    """Return a number [n] for each image that only images with the same etag and size share."""
    numbers: dict[Any, int] = {}
    contents = zip(images["etag"].to_pylist(), images["size"].to_pylist(), strict=True)
    return np.fromiter(
        (numbers.setdefault((etag, size) if etag else row, row) for row, (etag, size) in enumerate(contents)),
        np.intp,
        images.num_rows,
    )


def _pairs(groups: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows that have a group (not -1), each beside the first row of its group."""
    rows = np.flatnonzero(groups >= 0)
    _, first, inverse = np.unique(groups[rows], return_index=True, return_inverse=True)
    return rows[first[inverse]], rows


def _groups(count: int, some: NDArray[np.intp], others: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    roots = joined(np.arange(count), some, others)
    order = np.argsort(roots, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(roots[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: -len(part))


def _best_first(image: dict[str, Any]) -> Any:  # noqa: ANN401 - a sort key
    """Order the images of a group: the most pixels, the most bytes, the oldest upload, then the key."""
    pixels, uploaded = (image["width"] or 0) * (image["height"] or 0), image["last_modified"]
    return -pixels, -(image["size"] or 0), uploaded is None, uploaded, natural_key(image["key"])
