"""TIFFs with bands and sample types that Pillow does not read: each band is read as a grey TIFF, which Pillow reads."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pomona.imaging.errors import ImageError
from pomona.imaging.formats.tiff_grey import is_swapped_twice, read_as_grey, samples_of
from pomona.imaging.pixels.high_bit_depth import HighBitDepthImage, Samples, Strip
from pomona.imaging.pixels.value_range import largest_value
from pomona.imaging.recognition import RAW
from pomona.imaging.tiff_layout import (
    BLACK_IS_ZERO,
    CAMERA_DATA,
    COMPRESSIONS,
    LOSSLESS,
    MAGIC,
    PREMULTIPLIED_ALPHA,
    RGB,
    STRAIGHT_ALPHA,
    UNSPECIFIED,
    WHITE_IS_ZERO,
    TiffLayout,
    layout_of,
    read_tags,
)

ALPHA = (STRAIGHT_ALPHA, PREMULTIPLIED_ALPHA)
GREY = (WHITE_IS_ZERO, BLACK_IS_ZERO)
YCBCR, LAB = 6, 8
EIGHT_BITS = (0.0, 255.0)
TYPES = {"u": (8, 16, 32), "i": (8, 16, 32), "f": (16, 32, 64)}


@dataclass(frozen=True)
class TiffBands:
    """A TIFF whose samples are read here and not by Pillow."""

    layout: TiffLayout
    samples: Callable[[], HighBitDepthImage]


def tiff_bands(body: bytes) -> TiffBands | None:
    """Return how to read a TIFF that Pillow refuses or misreads; None for any other file, and for damaged tags.

    Raises:
        ImageError: the file is a raw camera file, or its samples cannot be read; the text names bands and bits.
    """
    if body[:4] not in MAGIC:
        return None
    try:
        tags = read_tags(body)
        layout = layout_of(tags, body)
    except Exception:  # Pillow will say what is damaged
        return None
    if layout.photometric in CAMERA_DATA:
        raise ImageError(RAW)
    if _pillow_reads(layout, body):
        return None
    if not _is_readable(layout):
        raise ImageError(f"unsupported: {layout.describe()}: export it as RGB or grey of 8 or 16 bits")
    return TiffBands(layout, lambda: _samples(layout, tags, body))


def _pillow_reads(layout: TiffLayout, body: bytes) -> bool:
    """Return True if Pillow opens the file and reads the right samples.

    Pillow 13 reads uncompressed planes as planes of bytes, whatever their bits. It also swaps the bytes of compressed
    big-endian samples of 32 bits, and of signed ones of 16, which libtiff has swapped already. It reads signed samples
    of 8 bits as unsigned ones.
    """
    if layout.compression in COMPRESSIONS or _has_bands_that_pillow_misreads(layout):
        return False
    if layout.kind == "i" and layout.sample_bits == 8:
        return False
    if layout.planar and layout.sample_bits != 8 and layout.compression == 1:
        return False
    if is_swapped_twice(layout) or (layout.big_endian and layout.compression != 1 and layout.kind == "i"):
        return False
    try:
        Image.open(io.BytesIO(body), formats=("TIFF",)).close()
    except UnidentifiedImageError:
        return False
    return True


def _has_bands_that_pillow_misreads(layout: TiffLayout) -> bool:
    """Return True for bands of which Pillow 13 takes another meaning than the file says, without an error.

    Of several grey bands without a meaning it takes the first. It takes planes of grey and alpha for two rows of one
    plane, alpha that is not declared for premultiplied, and the signed planes of CIELab for unsigned ones.
    """
    if layout.photometric in GREY and layout.bands > 1:
        return layout.planar or layout.bands != 2 or layout.extra[:1] not in [(alpha,) for alpha in ALPHA]
    if layout.photometric == RGB and layout.planar and layout.bands > 3:
        return layout.extra != (STRAIGHT_ALPHA,) and set(layout.extra) != {UNSPECIFIED}
    return layout.photometric in (YCBCR, LAB) and layout.planar


def _is_readable(layout: TiffLayout) -> bool:
    plain = (layout.predictor == 1 or layout.is_differenced) and not layout.big and layout.compression in LOSSLESS
    return plain and layout.sample_bits in TYPES.get(layout.kind, ()) and bool(_shown(layout)[0])


def _shown(layout: TiffLayout) -> tuple[list[int], int | None]:
    """Return the bands of colour and the one of alpha; no bands if it is unknown what a person would see.

    Three bands without declared colours are taken for red, green and blue, as GDAL writes and QGIS shows them. A fourth
    of 8 or 16 bits that is not declared is alpha, as Pillow and libtiff take it.
    """
    alpha = layout.bands - len(layout.extra) if layout.extra and layout.extra[0] in ALPHA else None
    if layout.photometric == RGB and layout.bands >= 3:
        is_rgba = layout.bands == 4 and not layout.extra and layout.kind == "u" and layout.sample_bits <= 16
        return [0, 1, 2], 3 if is_rgba else alpha
    if layout.photometric not in GREY:
        return [], None
    if layout.bands == 1 or (layout.bands == 2 and alpha == 1):
        return [0], alpha
    return ([0, 1, 2], None) if layout.bands == 3 else ([], None)


def _samples(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> HighBitDepthImage:
    colours, alpha = _shown(layout)
    rows = _planes(layout, tags, body) if layout.planar else _interleaved(layout, tags, body)
    full = 1.0 if layout.kind == "f" else 2.0**layout.sample_bits - 1

    def strip(first: int, end: int) -> Strip:
        values = rows(first, end)
        if alpha is None:
            return Strip(values[..., colours])
        opacity = values[..., alpha] / full
        is_premultiplied = layout.extra[:1] == (PREMULTIPLIED_ALPHA,)
        return Strip(_divided(values[..., colours], opacity) if is_premultiplied else values[..., colours], opacity)

    return HighBitDepthImage(
        layout.width,
        layout.height,
        strip,
        whole_numbers=layout.kind != "f",
        largest=largest_value(layout.kind, layout.sample_bits),
        white_is_zero=layout.photometric == WHITE_IS_ZERO,
        no_data=layout.no_data,
        shown=EIGHT_BITS if (layout.kind, layout.sample_bits) == ("u", 8) else None,
    )


def _divided(premultiplied: Samples, opacity: Samples) -> Samples:
    """Return the colours that were multiplied by `opacity`; 0 where nothing is left of them."""
    divisor = opacity[..., np.newaxis]
    return np.divide(premultiplied, divisor, out=np.zeros_like(premultiplied), where=divisor > 0)


def _interleaved(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> Callable[[int, int], Samples]:
    image = read_as_grey(layout, tags, body, None)
    return lambda first, end: samples_of(image, layout, first, end).reshape(-1, layout.width, layout.bands)


def _planes(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> Callable[[int, int], Samples]:
    images = [read_as_grey(layout, tags, body, band) for band in range(layout.bands)]
    return lambda first, end: np.stack([samples_of(image, layout, first, end) for image in images], axis=-1)
