"""Makes small image files of the kinds that Pillow does not write: PNG and TIFF of any bands and bits, ICC profiles."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pomona.backbone import engine_of
from pomona.images import decode, resize
from pomona.limits import Limits

REPOSITORY = Path(__file__).parents[1]
LIMITS = Limits(max_image_pixels=10_000_000, max_decoded_bytes=100_000_000, max_jpeg_scans=100)
GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6  # colour types of PNG
D50 = (0.9642, 1.0, 0.8249)
# primaries adapted to D50, and the exponent of the tone curve (Adobe RGB (1998), 4.3; SMPTE EG 432-1, with Apple's curve)
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
    found = engine_of("fruitnet", REPOSITORY / "backbones").run(pixels(body))
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


def tiff(
    samples: np.ndarray,
    photometric: int,
    *,
    planar: bool = False,
    extra: Sequence[int] = (),
    order: str = "<",
    deflate: bool = False,
    no_data: str = "",
) -> bytes:
    """A TIFF (6.0) of [height, width, bands] of any type of NumPy, one strip a plane."""
    height, width, bands = samples.shape
    typed = samples.astype(samples.dtype.newbyteorder(order))
    planes = [plane.tobytes() for plane in (np.moveaxis(typed, -1, 0) if planar else [typed])]
    planes = [zlib.compress(plane) for plane in planes] if deflate else planes
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    offsets = [len(out) + sum(map(len, planes[:number])) for number in range(len(planes))]
    out += b"".join(planes) + bytes(sum(map(len, planes)) % 2)
    tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [samples.dtype.itemsize * 8] * bands),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [photometric]),
        273: ("I", offsets),
        277: ("H", [bands]),
        278: ("I", [height]),
        279: ("I", [len(plane) for plane in planes]),
        284: ("H", [2 if planar else 1]),
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
    """An ICC profile (ICC.1:2001-04) of a display: primaries and a gamma; of grey, a gamma alone."""
    fixed = lambda value: struct.pack(">i", round(value * 65536))  # noqa: E731
    xyz = lambda values: b"XYZ \0\0\0\0" + b"".join(map(fixed, values))  # noqa: E731
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"made by a test\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78), b"wtpt": xyz(D50)}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    for letter, values in zip(b"rgb", primaries, strict=False):
        tags |= {bytes([letter]) + b"XYZ": xyz(values), bytes([letter]) + b"TRC": curve}
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"\0\0\0\0", 0x02100000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(map(fixed, D50))
    return header.ljust(128, b"\0") + body
