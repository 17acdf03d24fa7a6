"""Which images of a group of near-copies are kept, and which kept image each of the others is a copy of."""

import numpy as np
from numpy.typing import NDArray


def kept_images(
    vectors: NDArray[np.float16], contents: NDArray[np.integer], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return for each image of a group [m] the image that is kept in its place, and how alike the two are.

    The first image is kept. Another one is a copy if it is like a kept one, else it is kept too: a group is what its
    pairs connect, and what a chain of pairs leads to may be another picture. O(m k) for each image that is kept.

    Args:
        vectors: the projections [m, k], each of length 1 or, if it is not known, 0; the best image first.
        contents: a number [m] that only images of the same content share.
        threshold: the smallest cosine of an image with its copy.
    """
    rows = vectors.astype(np.float32)
    kept = np.arange(len(rows))
    similarity = np.full(len(rows), -np.inf, np.float32)
    for row in range(len(rows)):
        if similarity[row] >= threshold:
            continue
        kept[row], similarity[row] = row, 1.0
        behind = slice(row + 1, None)
        alike = np.where(contents[behind] == contents[row], np.float32(1), np.minimum(rows[behind] @ rows[row], 1))
        is_better = alike > similarity[behind]
        kept[behind] = np.where(is_better, row, kept[behind])
        similarity[behind] = np.where(is_better, alike, similarity[behind])
    return kept, similarity
