"""Reads a band of a TIFF as a grey TIFF: the samples stay where they are, and a new first directory describes them."""

import io
import struct

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pomona.imaging.pixels.high_bit_depth import Samples
from pomona.imaging.tiff_layout import (
    BANDS,
    BITS,
    BLACK_IS_ZERO,
    COMPRESSION,
    HEIGHT,
    PHOTOMETRIC,
    PREDICTOR,
    SAMPLE_FORMAT,
    WIDTH,
    TiffLayout,
)

ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT = 278, 322, 323
OFFSETS, BYTE_COUNTS = (273, 324), (279, 325)  # of strips, of tiles
# the grey types of which Pillow gives every bit: (is float, bits) → BitsPerSample, SampleFormat, samples to a value
CARRIERS = {
    (False, 8): (8, 1, 1),
    (False, 16): (16, 1, 1),
    (False, 32): (32, 2, 1),
    (True, 16): (16, 1, 1),
    (True, 32): (32, 3, 1),
    (True, 64): (32, 2, 2),
}
LONG = 4  # a type of TIFF
WIDER = {"u4", "i4", "f8"}  # than the 24 bits that float32 holds


def is_swapped_twice(layout: TiffLayout) -> bool:
    """Return True if Pillow swaps the bytes of the samples although libtiff has swapped them already."""
    return layout.big_endian and layout.compression != 1 and layout.sample_bits >= 32


def read_as_grey(layout: TiffLayout, tags: ImageFileDirectory_v2, body: bytes, plane: int | None) -> Image.Image:
    """Return one band as a loaded grey image, or all interleaved bands (`plane` is None) as one wide grey image."""
    bits, sample_format, count = CARRIERS[layout.kind == "f", layout.sample_bits]
    across = count * (1 if layout.planar else layout.bands)
    grey = {
        **{tag: _numbers(tags[tag]) for tag in (ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT) if tag in tags},
        WIDTH: (layout.width * across,),
        HEIGHT: (layout.height,),
        BITS: (bits,),
        COMPRESSION: (layout.compression,),
        PREDICTOR: (layout.predictor,),
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


def samples_of(image: Image.Image, layout: TiffLayout, first: int, end: int) -> Samples:
    """Return rows of a grey image in the type that the TIFF declares: [rows, width]."""
    stored = np.asarray(image.crop((0, first, image.width, end)))
    stored = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    if is_swapped_twice(layout):
        stored = stored.byteswap()
    if layout.sample_bits == 64 and layout.big_endian:
        stored = np.ascontiguousarray(stored.reshape(len(stored), -1, 2)[..., ::-1]).reshape(stored.shape)
    kind = f"{layout.kind}{layout.sample_bits // 8}"
    return stored.view(kind).astype(np.float64 if kind in WIDER else np.float32)


def _of_plane(numbers: tuple[int, ...], planes: int, plane: int | None) -> tuple[int, ...]:
    """Return the strips or tiles of a plane. They lie plane by plane, and all planes have the same number of them."""
    if plane is None:
        return numbers
    each = len(numbers) // planes
    return numbers[plane * each : (plane + 1) * each]


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (int(value),)  # type: ignore[call-overload]


def _with_directory(body: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return the TIFF with another first directory of LONG values. It is appended, so that all offsets stay valid."""
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
