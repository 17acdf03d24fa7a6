"""Reads all bits of 16-bit, 32-bit and float images; Pillow's own conversions to RGB keep 8 of them."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from pomona.imaging.pixels.high_bit_depth import HighBitDepthImage, Samples, Strip
from pomona.imaging.pixels.value_range import SIXTEEN_BITS, SLIVER, STRAYS, largest_value
from pomona.imaging.tiff_layout import BITS, PHOTOMETRIC, SAMPLE_FORMAT, WHITE_IS_ZERO, declared_no_data

SIGNED = 2  # a sample format
BIT_DEPTH_OF_PNG = 24  # where the header has it (PNG, 11.2.1)
# Pillow keeps the more significant byte of each sample. Its unpacker for the other byte order keeps the other byte.
LESS_SIGNIFICANT = {
    f"{bands};16{order}": f"{bands};16{other}"
    for bands in ("RGB", "RGBA", "RGBX", "CMYK")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B"))
}
GREY_AND_ALPHA = "LA;16B"  # four bytes: read as RGBA, they are the four bands


def wide_samples(image: Image.Image, body: bytes) -> HighBitDepthImage | None:
    """Return the samples of a loaded image if 8 bits of them are not enough to show it; else None.

    Args:
        image: loaded from `body`.
        body: read again for a colour image of 16 bits whose more significant bytes use only a sliver of their range.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _one_band(image)
    if image.mode in ("RGB", "RGBA", "CMYK") and has_sixteen_bits(image, body) and _is_sliver(image):
        return _both_bytes(image, body)
    return None


def _one_band(image: Image.Image) -> HighBitDepthImage:
    transparent = image.info.get("transparency")
    # Pillow keeps the 32 bits of unsigned samples in signed ones
    is_unsigned = image.mode == "I" and _tag(image, BITS) == 32 and _tag(image, SAMPLE_FORMAT) in (None, 1)
    kind = np.uint32 if is_unsigned else None

    def rows(first: int, end: int) -> Strip:
        values = _rows(image, first, end, kind)
        opacity = (values != transparent).astype(np.float32) if isinstance(transparent, int) else None
        return Strip(values[..., np.newaxis], opacity)

    is_signed = _tag(image, BITS) == 16 and _tag(image, SAMPLE_FORMAT) == SIGNED
    return HighBitDepthImage(
        *image.size,
        rows,
        whole_numbers=image.mode != "F",
        largest=largest_value("i", 16) if is_signed else SIXTEEN_BITS,
        white_is_zero=_tag(image, PHOTOMETRIC) == WHITE_IS_ZERO,
        no_data=declared_no_data(_tags(image)),
    )


def _both_bytes(image: Image.Image, body: bytes) -> HighBitDepthImage | None:
    with Image.open(io.BytesIO(body), formats=(str(image.format),)) as again:
        mode = _raw_mode(again)
        if mode == GREY_AND_ALPHA:
            _read_as(again, "RGBA")
            return HighBitDepthImage(*again.size, lambda first, end: _grey_and_alpha(again, first, end), True)
        if mode in LESS_SIGNIFICANT:
            _read_as(again, LESS_SIGNIFICANT[mode])
            return HighBitDepthImage(*again.size, lambda first, end: _colours(image, again, first, end), True)
    return None


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's name for the sample layout (the raw mode) of an image that is not loaded yet.

    Each strip and each tile of an uncompressed TIFF is a part of its own. The name is empty if the parts differ.
    """
    parts = image.tile  # type: ignore[attr-defined]
    modes = {str(part.args[0] if isinstance(part.args, tuple) else part.args) for part in parts}
    return modes.pop() if len(modes) == 1 else ""


def _read_as(image: Image.Image, raw_mode: str) -> None:
    """Load the image with another sample layout."""
    image.tile = [  # type: ignore[attr-defined]
        part._replace(args=(raw_mode, *part.args[1:]) if isinstance(part.args, tuple) else raw_mode)
        for part in image.tile  # type: ignore[attr-defined]
    ]
    image.load()


def _grey_and_alpha(image: Image.Image, first: int, end: int) -> Strip:
    high_grey, low_grey, high_alpha, low_alpha = np.moveaxis(_rows(image, first, end), -1, 0)
    return Strip((high_grey * 256 + low_grey)[..., np.newaxis], (high_alpha * 256 + low_alpha) / SIXTEEN_BITS)


def _colours(high: Image.Image, low: Image.Image, first: int, end: int) -> Strip:
    samples = _rows(high, first, end) * 256 + _rows(low, first, end)
    if high.mode == "RGBA":
        return Strip(samples[..., :3], samples[..., 3] / SIXTEEN_BITS)
    return Strip(samples)


def _rows(image: Image.Image, first: int, end: int, kind: type[np.uint32] | None = None) -> Samples:
    """Return rows of the image; `kind` is the type of the samples if it is another than Pillow's."""
    values = np.asarray(image.crop((0, first, image.width, end)))
    if kind:
        values = values.view(kind)
    return values.astype(np.float64 if values.dtype in (np.int32, np.uint32) else np.float32)  # 24 bits hold the others


def has_sixteen_bits(image: Image.Image, body: bytes) -> bool:
    """Return True if the file has 16 bits a sample, of which Pillow keeps 8."""
    if image.format == "PNG":
        return body[BIT_DEPTH_OF_PNG] == 16
    return _tag(image, BITS) == 16


def _is_sliver(image: Image.Image) -> bool:
    """Return True if the values that transparency does not hide use less than SLIVER of the eight bits."""
    mask = image.getchannel("A").point(lambda alpha: 255 if alpha else 0) if image.mode == "RGBA" else None
    counts = np.reshape(image.histogram(mask), (-1, 256))
    counts = counts[: 3 if image.mode == "RGBA" else None].sum(axis=0)
    share = np.cumsum(counts) / max(1, counts.sum())
    low, high = np.searchsorted(share, [STRAYS, 1 - STRAYS])
    return bool(high < 256 * SLIVER or high - low < 256 * SLIVER)


def _tag(image: Image.Image, number: int) -> object:
    """Return the first value of a tag of a TIFF; None for other formats."""
    value = _tags(image).get(number)
    return value[0] if isinstance(value, tuple) else value


def _tags(image: Image.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {})
