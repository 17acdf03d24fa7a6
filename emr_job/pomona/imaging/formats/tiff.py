"""TIFF: checks the limits from the first directory, before Pillow reads it."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image, ImagePalette

from pomona.imaging.errors import ImageError, cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.zero_runs import ends_in_zeros
from pomona.imaging.limits import Limits

WIDTH, LENGTH, BITS, COMPRESSION, STRIP_OFFSETS, ORIENTATION, SAMPLES = 256, 257, 258, 259, 273, 274, 277
ROWS_PER_STRIP, STRIP_BYTES, PLANAR, COLOURS = 278, 279, 284, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
# Pillow makes an object of each value of these tags
LISTS = (BITS, STRIP_OFFSETS, STRIP_BYTES, COLOURS, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT)
# BYTE, SHORT, LONG, their signed forms, which libtiff accepts too, and the 8-byte types of BigTIFF
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
UNCOMPRESSED, UPRIGHT, SEPARATE = 1, 1, 2
# Pillow makes an object of each strip: an image of 10,000 rows may have 10,000 strips, or 400,000 tiles of 16 x 16
STRIPS = 500_000


@dataclass(frozen=True)
class Tag:
    """The number of a tag's values, and the first of them."""

    count: int
    first: int


def sanitize_tiff(body: bytes, limits: Limits) -> DecoderInput:
    """Return the TIFF unchanged.

    Its decoder holds a whole strip or tile of a compressed TIFF, and Pillow turns an image upright in a copy.

    Raises:
        ImageError: the image is above a limit, or the directory, which mostly lies behind the pixels, is missing.
    """
    tags = _greatest(_tags(body))
    if not tags and (_directory(body) + 2 > len(body) or ends_in_zeros(body)):
        raise cut_short("TIFF")

    def value(tag: int, default: int) -> int:
        return tags[tag].first if tag in tags else default

    width, height = value(WIDTH, 0), value(LENGTH, 0)
    limits.check_pixels(width, height)
    _check_counts(tags)
    bytes_a_pixel = value(SAMPLES, 1) * -(-value(BITS, 1) // 8)
    copied = width * height * max(4, bytes_a_pixel) if value(ORIENTATION, UPRIGHT) != UPRIGHT else 0
    if value(COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED:
        return DecoderInput(body, copied)
    rows = value(TILE_LENGTH, min(value(ROWS_PER_STRIP, height), height))
    bands_at_once = 1 if value(PLANAR, 1) == SEPARATE else value(SAMPLES, 1)
    needed = copied + value(TILE_WIDTH, width) * rows * bands_at_once * -(-value(BITS, 1) // 8)
    limits.check_decoded_bytes(needed)
    return DecoderInput(body, needed)


def correct_palette(image: Image.Image) -> None:
    """Give an opened TIFF its palette if the colour map has values of 8 bits. TIFF 6.0 says 16; libtiff reads both."""
    if image.mode in ("P", "PA"):
        colours = image.tag_v2[COLOURS]  # type: ignore[attr-defined]
        if max(colours) < 256:
            image.palette = ImagePalette.raw("RGB;L", bytes(colours))


def _greatest(tags: Iterable[tuple[int, Tag]]) -> dict[int, Tag]:
    """Return the greatest values of repeated tags: libtiff takes the first of them, Pillow the last."""
    greatest: dict[int, Tag] = {}
    for number, tag in tags:
        other = greatest.get(number, tag)
        greatest[number] = Tag(max(tag.count, other.count), max(tag.first, other.first))
    return greatest


def _check_counts(tags: dict[int, Tag]) -> None:
    """Raise ImageError if a tag has too many values."""
    for number in LISTS:
        if number in tags and tags[number].count > STRIPS:
            what = "strips" if number in (STRIP_OFFSETS, TILE_OFFSETS) else f"values of tag {number}"
            raise ImageError(f"too many {what}: a TIFF of more than {STRIPS:,} is not supported: save it as PNG")


def _directory(body: bytes) -> int:
    """Return the offset of the first directory."""
    place = slice(8, 16) if body[2:4] in (b"+\0", b"\0+") else slice(4, 8)
    return int.from_bytes(body[place], "little" if body[:2] == b"II" else "big")


def _tags(body: bytes) -> Iterator[tuple[int, Tag]]:
    """Yield the tags of the first directory that have numbers (TIFF 6.0, section 2; BigTIFF has longer counts)."""
    order = "<" if body[:2] == b"II" else ">"
    is_big = body[2:4] in (b"+\0", b"\0+")
    count_format, size_format, width = ("Q", "Q", 8) if is_big else ("H", "I", 4)
    start = _directory(body)
    try:
        (count,) = struct.unpack_from(order + count_format, body, start)
        start += struct.calcsize(count_format)
        for entry in range(start, start + count * (4 + 2 * width), 4 + 2 * width):
            tag, kind, values = struct.unpack_from(order + "HH" + size_format, body, entry)
            if number := NUMBERS.get(kind):
                place = entry + 4 + width
                if values * struct.calcsize(number) > width:
                    (place,) = struct.unpack_from(order + size_format, body, place)
                yield tag, Tag(values, struct.unpack_from(order + number, body, place)[0])
    except struct.error:  # the file ends before its directory does: Pillow reports it
        return
