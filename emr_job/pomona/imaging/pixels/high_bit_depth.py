"""Reduces images of more than 8 bits a sample to 8 bits, in strips and in their own type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pomona.imaging.pixels.value_range import SIXTEEN_BITS, value_range

Samples = npt.NDArray[np.floating[Any]]  # float32, or float64 where 24 bits are not enough
STRIP_PIXELS = 1 << 18
SAMPLED_PIXELS = 1 << 20
# a side keeps this many times the network's input before the bicubic resize, as a JPEG does after its draft
REDUCTION_MARGIN = 3
MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # by the number of bands


@dataclass(frozen=True)
class Strip:
    """Some rows of an image."""

    colours: Samples
    """[rows, width, bands]: 1 of grey, 3 of RGB, 4 of CMYK"""
    opacity: Samples | None = None
    """[rows, width], 0…1"""


@dataclass(frozen=True)
class HighBitDepthImage:
    """An image whose samples are read in strips."""

    width: int
    height: int
    rows: Callable[[int, int], Strip]
    """Reads the rows from the first argument up to, and without, the second."""
    whole_numbers: bool
    largest: float = SIXTEEN_BITS
    """The largest value of an integer type, and at most that of 16 bits."""
    white_is_zero: bool = False
    no_data: float | None = None
    """The value that the file declares to mean "not measured"."""
    shown: tuple[float, float] | None = None
    """The values of black and white; None if they have to be found from the values."""

    def weights(self, strip: Strip) -> Samples | None:
        """Return the weight of each pixel, [rows, width]: its opacity, 0 if it was not measured. None: all weigh 1."""
        if self.whole_numbers and self.no_data is None:
            return strip.opacity
        missing = ~np.isfinite(strip.colours) | (strip.colours == self.no_data)
        measured: Samples = (~missing.any(axis=-1)).astype(strip.colours.dtype)
        return measured if strip.opacity is None else measured * strip.opacity


def to_eight_bits(image: HighBitDepthImage, height: int, width: int) -> Image.Image:
    """Return the image in mode L, RGB or CMYK, reduced to less than 2 · REDUCTION_MARGIN times `height` and `width`.

    Each pixel of the result is the mean of a cell of pixels, over white where they are transparent. Pixels without a
    measurement (NaN, infinite, no-data) have no weight; a cell that has no other pixels is black. Values outside of the
    range are clipped before the mean, so that a stray changes no more than its own pixel.

    Args:
        image: of any size; a side that is small enough keeps its full size.
        height: of the network's input, in pixels.
        width: of the network's input, in pixels.
    """
    down = max(1, image.height // (REDUCTION_MARGIN * height))
    across = max(1, image.width // (REDUCTION_MARGIN * width))
    rows = max(1, STRIP_PIXELS // (image.width * down)) * down
    shown = image.shown or value_range(_sampled(image), image.whole_numbers, image.largest)
    strips = (image.rows(top, min(top + rows, image.height)) for top in range(0, image.height, rows))
    pixels = np.concatenate([_eight_bits(image, strip, shown, (down, across)) for strip in strips])
    return Image.frombytes(MODES[pixels.shape[-1]], pixels.shape[1::-1], pixels.tobytes())


def _sampled(image: HighBitDepthImage) -> npt.NDArray[np.float64]:
    """Return the values of the visible, measured pixels of evenly spaced rows: [values]."""
    every = -(-image.width * image.height // SAMPLED_PIXELS)
    parts = []
    for row in range(min(every // 2, image.height - 1), image.height, every):
        strip = image.rows(row, row + 1)
        weights = image.weights(strip)
        parts.append((strip.colours if weights is None else strip.colours[weights > 0]).ravel())
    return np.concatenate(parts).astype(np.float64)


def _eight_bits(
    image: HighBitDepthImage, strip: Strip, shown: tuple[float, float], cell: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Return the cells of a strip: uint8 [rows of cells, columns of cells, bands]."""
    weights = image.weights(strip)
    means = _cell_means(_scaled(strip.colours, shown), weights, cell)
    if image.white_is_zero:
        means = 255 - means
    if strip.opacity is not None:
        means = 255 + (means - 255) * _cell_means(strip.opacity[..., np.newaxis], None, cell)
    return np.rint(means).clip(0, 255).astype(np.uint8)


def _scaled(colours: Samples, shown: tuple[float, float]) -> Samples:
    """Return the values scaled to 0 for black and 255 for white; NaN becomes black."""
    black, white = shown
    scaled: Samples = np.clip(colours, black, white)
    scaled -= black
    scaled *= 255 / (white - black)
    scaled[np.isnan(scaled)] = 0
    return scaled


def _cell_means(values: Samples, weights: Samples | None, cell: tuple[int, int]) -> Samples:
    """Return the weighted mean of each cell, [rows, columns, bands]; 0 where all weights are 0."""
    if weights is None:
        return _cell_sums(values, cell) / _cell_sums(np.ones((*values.shape[:2], 1), values.dtype), cell)
    sums = _cell_sums(values * weights[..., np.newaxis], cell)
    return sums / np.maximum(_cell_sums(weights, cell), np.finfo(values.dtype).tiny)[..., np.newaxis]


def _cell_sums(values: Samples, cell: tuple[int, int]) -> Samples:
    """Sum cells of `cell` = (rows, columns) over the first two axes; cells at the far edges may be smaller."""
    for axis, size in enumerate(cell):
        if size > 1:
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], size), axis=axis)
    return values
