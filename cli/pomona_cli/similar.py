"""The images of the table that are most like one of them, or like a file on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pomona.identify.stored_results import StoredResults
from pomona.projection import project
from pomona_cli.errors import CliError
from pomona_cli.identification import ImageFileError, deployed_results, image_of_file
from pomona_cli.table.reader import find_table, key_prefix_filter

if TYPE_CHECKING:
    from pomona.identify.neighbours import Neighbour, Neighbours
    from pomona_cli.stack.stack import Stack

STDIN = "-"


def similar_images(stack: "Stack", image: str, count: int) -> "list[Neighbour]":
    """Return the `count` images most like `image`: a key of the table, else a file, else stdin for a dash.

    An image of the table is not among those that are like it.

    Raises:
        NoResultsError: there is no refit to search in.
        CliError: there is neither such an image nor such a file, or it has no features.
    """
    stored = StoredResults.newest(stack.s3, stack.lake_bucket)
    index = stored.neighbours()
    if index is None:
        raise CliError(
            "There is no index of similar images: the table has too many images for one "
            "(docs/results.md, neighbours.npz)."
        )
    row = index.row(image)
    if row is not None:
        return _others(index, index.vectors[row].astype(np.float32), image, count)
    if image == STDIN or Path(image).is_file():
        return _like_file(stack, image, count)
    return _like_row(stack, stored, index, image, count)


def _like_file(stack: "Stack", file: str, count: int) -> "list[Neighbour]":
    try:
        found = image_of_file(deployed_results(stack, "similar"), file, stack.settings.max_image_bytes, 0, count)
    except ImageFileError as error:
        raise CliError(f"{file}: {error}") from error
    return list(found.nearest)


def _like_row(stack: "Stack", stored: StoredResults, index: "Neighbours", key: str, count: int) -> "list[Neighbour]":
    """Return the images like a row that the last refit has not seen, by its features."""
    from pyiceberg.expressions import And, EqualTo

    table = find_table(stack)
    where = And(key_prefix_filter("", stack.images_bucket), EqualTo("key", key))
    columns = ("key", "backbone", "error", "features")
    batches = table.batches(columns, where) if table else iter(())
    row = next((row for batch in batches for row in batch.to_pylist()), None)
    if row is None:
        raise CliError(f"{key} is no key of the table, and there is no such file.")
    if row["error"] is not None:
        raise CliError(f"{key} could not be read, so nothing is like it: {row['error']}.")
    if row["backbone"] != stored.backbone:
        raise CliError(
            f"{key} has features of {row['backbone']}, and the last refit is of {stored.backbone}: "
            "wait for the next refit, or run `pomona refit`."
        )
    features = np.array(row["features"], np.float32)
    if not np.isfinite(features).all() or not features.any():
        raise CliError(f"The features of {key} are all zero or not finite, so nothing is like it.")
    return _others(index, project(features, stored.model()), key, count)


def _others(index: "Neighbours", wanted: "np.ndarray", key: str, count: int) -> "list[Neighbour]":
    return [one for one in index.nearest(wanted, count + 1) if one.key != key][:count]
