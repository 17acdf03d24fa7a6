"""TIFFs of bands and types that Pillow does not read: each band is read as a grey TIFF that it does, or is named."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pomona.imaging.errors import RAW, ImageError
from pomona.imaging.formats.tiff_layout import (
    BANDS,
    BITS,
    BLACK_IS_ZERO,
    CAMERA_DATA,
    COMPRESSION,
    HEIGHT,
    LOSSLESS,
    MAGIC,
    PHOTOMETRIC,
    RGB,
    SAMPLE_FORMAT,
    STRAIGHT_ALPHA,
    WHITE_IS_ZERO,
    WIDTH,
    TiffLayout,
    layout_of,
    read_tags,
)
from pomona.imaging.pixels.high_bit_depth import HighBitDepth, Samples, Strip

ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT = 278, 322, 323
OFFSETS, BYTE_COUNTS = (273, 324), (279, 325)  # of strips, of tiles
# the grey types in which Pillow hands over every bit: (is float, bits) → BitsPerSample, SampleFormat, how many of them
CARRIERS = {
    (False, 8): (8, 1, 1),
    (False, 16): (16, 1, 1),
    (False, 32): (32, 2, 1),
    (True, 16): (16, 1, 1),
    (True, 32): (32, 3, 1),
    (True, 64): (32, 2, 2),
}
LONG = 4  # a type of TIFF
PREMULTIPLIED_ALPHA = 1
EIGHT_BITS = (0.0, 255.0)
TYPES = {"u": (8, 16, 32), "i": (8, 16, 32), "f": (16, 32, 64)}
WIDER = {"u4", "i4", "f8"}  # than the 24 bits that float32 holds


@dataclass(frozen=True)
class TiffBands:
    """A TIFF that is read here and not by Pillow."""

    layout: TiffLayout
    samples: Callable[[], HighBitDepth]


def tiff_bands(body: bytes) -> TiffBands | None:
    """Return how to read a TIFF that Pillow refuses or misreads; None for any other file, and for damaged tags.

    ImageError names bands and bits if there is no way, and raw camera files.
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
    """Whether Pillow opens it, and right.

    Pillow 13 takes uncompressed planes for planes of bytes, whatever their bits; and it swaps the bytes of compressed
    big-endian samples of 32 bits, and of signed ones of 16, once more after libtiff has. It takes signed samples of 8
    bits for unsigned ones.
    """
    if layout.kind == "i" and layout.sample_bits == 8:
        return False
    if layout.planar and layout.sample_bits != 8 and layout.compression == 1:
        return False
    if _is_swapped_twice(layout) or (layout.big_endian and layout.compression != 1 and layout.kind == "i"):
        return False
    try:
        Image.open(io.BytesIO(body), formats=("TIFF",)).close()
    except UnidentifiedImageError:
        return False
    return True


def _is_swapped_twice(layout: TiffLayout) -> bool:
    return layout.big_endian and layout.compression != 1 and layout.sample_bits >= 32


def _is_readable(layout: TiffLayout) -> bool:
    plain = layout.predictor == 1 and not layout.big and layout.compression in LOSSLESS
    return plain and layout.sample_bits in TYPES.get(layout.kind, ()) and bool(_shown(layout)[0])


def _shown(layout: TiffLayout) -> tuple[list[int], int | None]:
    """Return the bands of colour and the one of alpha; no bands if it is unknown what a person would see.

    Three bands that are not said to be colours are taken for red, green and blue, as GDAL writes and QGIS shows them.
    """
    alpha = layout.bands - len(layout.extra) if layout.extra[:1] == (STRAIGHT_ALPHA,) else None
    if layout.photometric == RGB and layout.bands >= 3 and layout.extra[:1] != (PREMULTIPLIED_ALPHA,):
        return [0, 1, 2], alpha
    if layout.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        return [], None
    if layout.bands == 1 or (layout.bands == 2 and alpha == 1):
        return [0], alpha
    return ([0, 1, 2], None) if layout.bands == 3 else ([], None)


def _samples(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> HighBitDepth:
    colours, alpha = _shown(layout)
    rows = _planes(layout, tags, body) if layout.planar else _interleaved(layout, tags, body)
    full = 1.0 if layout.kind == "f" else 2.0**layout.sample_bits - 1

    def strip(first: int, end: int) -> Strip:
        values = rows(first, end)
        return Strip(values[..., colours], None if alpha is None else values[..., alpha] / full)

    return HighBitDepth(
        layout.width,
        layout.height,
        strip,
        whole_numbers=layout.kind != "f",
        white_is_zero=layout.photometric == WHITE_IS_ZERO,
        no_data=layout.no_data,
        shown=EIGHT_BITS if (layout.kind, layout.sample_bits) == ("u", 8) else None,
    )


def _interleaved(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> Callable[[int, int], Samples]:
    image = _as_grey(layout, tags, body, None)
    return lambda first, end: _values(image, layout, first, end).reshape(-1, layout.width, layout.bands)


def _planes(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes) -> Callable[[int, int], Samples]:
    images = [_as_grey(layout, tags, body, band) for band in range(layout.bands)]
    return lambda first, end: np.stack([_values(image, layout, first, end) for image in images], axis=-1)


def _as_grey(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes, plane: int | None) -> Image.Image:
    """Return a band as a grey image, or all bands (`plane` is None) as a grey image so many times as wide."""
    bits, sample_format, count = CARRIERS[layout.kind == "f", layout.sample_bits]
    across = count * (1 if layout.planar else layout.bands)
    grey = {
        **{tag: _numbers(tags[tag]) for tag in (ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT) if tag in tags},
        WIDTH: (layout.width * across,),
        HEIGHT: (layout.height,),
        BITS: (bits,),
        COMPRESSION: (layout.compression,),
        PHOTOMETRIC: (BLACK_IS_ZERO,),
        BANDS: (1,),
        SAMPLE_FORMAT: (sample_format,),
    }
    if TILE_WIDTH in grey:
        grey[TILE_WIDTH] = (grey[TILE_WIDTH][0] * across,)
    for tag in (*OFFSETS, *BYTE_COUNTS):
        if tag in tags:
            grey[tag] = _of_plane(_numbers(tags[tag]), layout.bands, plane)
    image = Image.open(io.BytesIO(_with_directory(body, grey)), formats=("TIFF",))
    image.load()
    return image


def _of_plane(numbers: tuple[int, ...], planes: int, plane: int | None) -> tuple[int, ...]:
    """Return the strips or tiles of a plane; all planes have as many, one plane after the other."""
    if plane is None:
        return numbers
    each = len(numbers) // planes
    return numbers[plane * each : (plane + 1) * each]


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (int(value),)  # type: ignore[call-overload]


def _with_directory(body: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return the TIFF with another first directory, whose values are all LONG: appended, so that offsets stay."""
    order = "<" if body[:2] == b"II" else ">"
    out = bytearray(body + bytes(len(body) % 2))
    entries = bytearray()
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}L", *values)
        if len(values) > 1:
            packed, offset = struct.pack(order + "L", len(out)), packed
            out += offset
        entries += struct.pack(order + "HHL", tag, LONG, len(values)) + packed
    out[4:8] = struct.pack(order + "L", len(out))
    return bytes(out + struct.pack(order + "H", len(tags)) + entries + bytes(4))


def _values(image: Image.Image, layout: TiffLayout, first: int, end: int) -> Samples:
    """Return rows of a grey image in the type that the TIFF says: [rows, width]."""
    stored = np.asarray(image.crop((0, first, image.width, end)))
    stored = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    if _is_swapped_twice(layout):
        stored = stored.byteswap()
    if layout.sample_bits == 64 and layout.big_endian:
        stored = np.ascontiguousarray(stored.reshape(len(stored), -1, 2)[..., ::-1]).reshape(stored.shape)
    kind = f"{layout.kind}{layout.sample_bits // 8}"
    return stored.view(kind).astype(np.float64 if kind in WIDER else np.float32)
