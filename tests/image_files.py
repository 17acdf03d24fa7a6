"""Makes small image files of the kinds that Pillow does not write: PNG and TIFF of any bands and bits, ICC profiles."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import cached_engine

REPOSITORY = Path(__file__).parents[1]
LIMITS = Limits(max_image_pixels=10_000_000, max_decoded_bytes=100_000_000, max_jpeg_scans=100)
GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6  # colour types of PNG
D50 = (0.9642, 1.0, 0.8249)
# primaries adapted to D50, as Adobe RGB (1998), Apple's Display P3 and sRGB profiles have them
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    body = io.BytesIO()
    image.save(body, form, **options)
    return body.getvalue()


def pixels(body: bytes, size: int = 96) -> np.ndarray:
    return resize(decode(body, size, size, LIMITS).image, size, size)


def features(body: bytes) -> np.ndarray:
    """The features of a file by the committed backbone, of length 1: the dot product of two is their cosine."""
    found = cached_engine("fruitnet", REPOSITORY / "backbones").run(pixels(body))
    return found / np.linalg.norm(found)


def sample(fruit: str, mode: str = "L") -> np.ndarray:
    with Image.open(REPOSITORY / f"samples/images/{fruit}/{fruit}-00.jpg") as image:
        return np.asarray(image.convert(mode))


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png16(samples: np.ndarray, colour_type: int, extra: bytes = b"") -> bytes:
    """A PNG of 16 bits of [height, width, bands]; `extra` chunks go before the pixels."""
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, colour_type, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples))
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def bmp(samples: np.ndarray, masks: Sequence[int], header_bytes: int = 124) -> bytes:
    """A BMP of [height, width, 4] in the order blue, green, red, alpha; `masks` of red, green, blue, alpha."""
    height, width, _ = samples.shape
    pixels_at = 14 + header_bytes
    header = struct.pack("<IiiHHIIiiII", header_bytes, width, height, 1, 32, 3 if masks else 0, 0, 0, 0, 0, 0)
    header += struct.pack(f"<{len(masks)}I", *masks)
    start = b"BM" + struct.pack("<IHHI", pixels_at + samples.size, 0, 0, pixels_at)
    return start + header.ljust(header_bytes, b"\0") + samples[::-1].tobytes()


def tiff(
    samples: np.ndarray,
    photometric: int,
    *,
    planar: bool = False,
    extra: Sequence[int] = (),
    order: str = "<",
    deflate: bool = False,
    no_data: str = "",
    orientation: int = 1,
    tile_width: int = 0,
    rows_per_strip: int = 0,
    shown: tuple[int, int] = (0, 0),
    offset_of_pixels: int | None = None,
    differences: bool = False,
    colour_map: np.ndarray | None = None,
) -> bytes:
    """A TIFF (6.0) of [height, width, bands] of any type of NumPy: one strip a plane, strips of rows, or tiles of
    its whole height.

    With tiles, `shown` is the width and height of the image in them.
    """
    height, width, bands = samples.shape
    typed = samples.astype(samples.dtype.newbyteorder(order))
    if differences:  # the predictor of libtiff
        typed = np.diff(samples, axis=1, prepend=samples.dtype.type(0)).astype(typed.dtype)
    planes = list(np.moveaxis(typed, -1, 0)) if planar else [typed]
    if rows_per_strip:
        cuts = range(rows_per_strip, height, rows_per_strip)
        parts = [part.tobytes() for plane in planes for part in np.split(plane, cuts)]
    else:
        parts = [part.tobytes() for plane in planes for part in np.split(plane, width // (tile_width or width), axis=1)]
    parts = [zlib.compress(part) for part in parts] if deflate else parts
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    start = len(out) if offset_of_pixels is None else offset_of_pixels
    offsets = [start + sum(map(len, parts[:number])) for number in range(len(parts))]
    out += b"".join(parts) + bytes(sum(map(len, parts)) % 2)
    lengths = [len(part) for part in parts]
    tags = {
        256: ("I", [shown[0] or width]),
        257: ("I", [shown[1] or height]),
        258: ("H", [samples.dtype.itemsize * 8] * bands),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [photometric]),
        273: ("I", [] if tile_width else offsets),
        274: ("H", [orientation]),
        277: ("H", [bands]),
        278: ("I", [] if tile_width else [rows_per_strip or height]),
        279: ("I", [] if tile_width else lengths),
        284: ("H", [2 if planar else 1]),
        317: ("H", [2] if differences else []),
        320: ("H", [] if colour_map is None else [int(value) for value in colour_map.T.flat]),
        322: ("I", [tile_width] if tile_width else []),
        323: ("I", [height] if tile_width else []),
        324: ("I", offsets if tile_width else []),
        325: ("I", lengths if tile_width else []),
        338: ("H", list(extra)),
        339: ("H", [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * bands),
        42113: ("s", [no_data.encode() + b"\0"] if no_data else []),
    }
    entries = [_tiff_entry(out, order, tag, code, values) for tag, (code, values) in tags.items() if values]
    directory = len(out)
    out += struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    out[4:8] = struct.pack(order + "I", directory)
    return bytes(out)


def _tiff_entry(out: bytearray, order: str, tag: int, code: str, values: list) -> bytes:
    data = values[0] if code == "s" else struct.pack(f"{order}{len(values)}{code}", *values)
    head = struct.pack(order + "HHI", tag, {"s": 2, "H": 3, "I": 4}[code], len(data) if code == "s" else len(values))
    if len(data) <= 4:
        return head + data.ljust(4, b"\0")
    out += bytes(len(out) % 2)
    offset = len(out)
    out += data
    return head + struct.pack(order + "I", offset)


def icc(primaries: Sequence[Sequence[float]] = (), gamma: float = 2.2, space: bytes = b"RGB ") -> bytes:
    """An ICC profile of a display: primaries and a gamma; of grey, a gamma alone."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {b"kTRC": curve} if space == b"GRAY" else {}
    for letter, values in zip(b"rgb", primaries, strict=False):
        tags |= {bytes([letter]) + b"XYZ": _xyz(values), bytes([letter]) + b"TRC": curve}
    return _icc(b"mntr", space, b"XYZ ", tags)


def icc_of_inks(lab_of: Callable[[int, int, int, int], Sequence[int]]) -> bytes:
    """An ICC profile of a printer: `lab_of` says L*, a*, b* (0…255) of cyan, magenta, yellow, black (each 0 or 1)."""
    ramp = bytes(range(256))
    table = b"".join(bytes(lab_of(*inks)) for inks in itertools.product((0, 1), repeat=4))
    identity = b"".join(_fixed(float(row == column)) for row in range(3) for column in range(3))
    return _icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": b"mft1\0\0\0\0\4\3\2\0" + identity + ramp * 4 + table + ramp * 3})


def _icc(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile (ICC.1:2001-04): header, table of tags, their data."""
    text = b"made by a test\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    table, data, start = b"", b"", 128 + 4 + 12 * (len(tags) + 2)
    for name, value in {b"desc": described, b"wtpt": _xyz(D50), **tags}.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = struct.pack(">I", len(tags) + 2) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"\0\0\0\0", 0x02100000, kind, space, connection)
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, D50))
    return header.ljust(128, b"\0") + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))
