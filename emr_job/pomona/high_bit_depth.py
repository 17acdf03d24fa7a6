"""Images of more than 8 bits a sample become images of 8 bits. They are reduced in strips, in their own type."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pomona.value_range import value_range

Samples = npt.NDArray[np.float64]
STRIP_PIXELS = 1 << 18
SAMPLED_PIXELS = 1 << 20
# a side keeps this many times the network's input before the bicubic resize, as a JPEG does after its draft
REDUCTION_MARGIN = 3


@dataclass(frozen=True)
class Strip:
    """Some rows of an image."""

    colours: Samples
    """[rows, width, 1 or 3]"""
    opacity: Samples | None = None
    """[rows, width], 0…1"""


@dataclass(frozen=True)
class HighBitDepth:
    """An image whose samples are read in strips."""

    width: int
    height: int
    rows: Callable[[int, int], Strip]
    """Takes the first row and the one after the last."""
    whole_numbers: bool
    white_is_zero: bool = False
    no_data: float | None = None
    """The value that the file declares to be no measurement."""

    def strips(self, height: int) -> Iterator[Strip]:
        for top in range(0, self.height, height):
            yield self.rows(top, min(top + height, self.height))

    def measured(self, colours: Samples) -> npt.NDArray[np.bool_]:
        """Return which pixels, [...], of `colours`, [..., bands], are measurements in every band."""
        measured: npt.NDArray[np.bool_] = np.isfinite(colours).all(axis=-1)
        if self.no_data is not None:
            measured &= (colours != self.no_data).any(axis=-1)
        return measured


def to_eight_bits(image: HighBitDepth, height: int, width: int) -> Image.Image:
    """Return the image in mode L or RGB; each side is less than twice REDUCTION_MARGIN times the network's, or full.

    A pixel is the mean of a cell of whole pixels, over white where they are transparent. Pixels that are no measurement
    (NaN, infinite, no-data) count in no mean; a cell of nothing else is black. Values outside the range are clipped
    before the mean, so a stray spoils no more than its own pixel.
    """
    down = max(1, image.height // (REDUCTION_MARGIN * height))
    across = max(1, image.width // (REDUCTION_MARGIN * width))
    rows = max(1, STRIP_PIXELS // (image.width * down)) * down
    black, white = value_range(_sampled(image, rows), image.whole_numbers)
    pixels = np.concatenate([_cells(image, strip, (black, white), (down, across)) for strip in image.strips(rows)])
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _sampled(image: HighBitDepth, rows: int) -> Samples:
    """Return the values of evenly spaced pixels that are measured and not transparent: [values]."""
    every = -(-image.width * image.height // SAMPLED_PIXELS) | 1  # odd: it keeps no step with patterns of 2, 4, 8…
    parts = []
    for strip in image.strips(rows):
        shown = image.measured(strip.colours)
        if strip.opacity is not None:
            shown &= strip.opacity > 0
        pixels = strip.colours.reshape(shown.size, -1)[::every]
        parts.append(pixels[shown.ravel()[::every]].ravel())
    return np.concatenate(parts)


def _cells(
    image: HighBitDepth, strip: Strip, shown: tuple[float, float], cell: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    black, white = shown
    measured = image.measured(strip.colours)
    colours = np.where(measured[..., np.newaxis], strip.colours, black).clip(black, white)
    weights = measured.astype(np.float64) if strip.opacity is None else measured * strip.opacity
    sums = _cell_sums((colours - black) * weights[..., np.newaxis], cell)
    means = sums / np.maximum(_cell_sums(weights, cell), np.finfo(np.float64).tiny)[..., np.newaxis]
    means *= 255 / (white - black)
    if image.white_is_zero:
        means = 255 - means
    if strip.opacity is not None:
        cover = (_cell_sums(strip.opacity, cell) / _cell_sums(np.ones_like(weights), cell))[..., np.newaxis]
        means = 255 + (means - 255) * cover
    return np.rint(means).clip(0, 255).astype(np.uint8)


def _cell_sums(values: Samples, cell: tuple[int, int]) -> Samples:
    """Sum cells of `cell` = (rows, columns) over the first two axes; those at the far edges may be smaller."""
    for axis, size in enumerate(cell):
        if size > 1:
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], size), axis=axis)
    return values
