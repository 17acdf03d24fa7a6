"""Writes the files of benchmarks.worst_images: as large as the limits let in, or costly beside their pixels."""

import io
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.template import template_settings

SETTINGS = template_settings()
MEGAPIXELS_100 = math.isqrt(SETTINGS.max_image_pixels)
BODY = SETTINGS.max_image_bytes
SOS = b"\xff\xda"


def side(bytes_a_pixel: float) -> int:
    """Return the side of the largest square image that may need so many bytes of memory a pixel."""
    return min(MEGAPIXELS_100, math.isqrt(int(SETTINGS.max_decoded_bytes / bytes_a_pixel)))


def picture(mode: str, length: int) -> Image.Image:
    """Return a square of small noise, repeated: what is flat costs a decoder less."""
    tile = Image.effect_noise((250, 250), 60)
    tile = tile if mode == "L" else Image.merge("RGB", [tile, tile.rotate(90), tile.rotate(180)]).convert(mode)
    whole = Image.new(mode, (length, length))
    for top in range(0, length, 250):
        for left in range(0, length, 250):
            whole.paste(tile, (left, top))
    return whole


def saved(image: Image.Image, form: str, **options: Any) -> bytes:  # noqa: ANN401 - what Pillow's save takes
    """Return the file."""
    body = io.BytesIO()
    image.save(body, form, **options)
    return body.getvalue()


def heic(length: int, chroma: str) -> bytes:
    """Return a HEIC by the encoder that only the tests have."""
    import pillow_heif

    body = io.BytesIO()
    image = pillow_heif.from_pillow(picture("RGB", length))
    image.save(body, quality=30, chroma=chroma)
    return body.getvalue()


def heic_of_ten_bits(length: int) -> bytes:
    """Return a HEIC of more than 8 bits a sample."""
    import pillow_heif

    body = io.BytesIO()
    samples = np.asarray(picture("RGB", length)).astype(np.uint16) << 8
    image = pillow_heif.from_bytes(mode="RGB;16", size=(length, length), data=samples.tobytes())
    image.save(body, quality=30, chroma="444")
    return body.getvalue()


def with_scans(jpeg: bytes, scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated until it has so many."""
    last = jpeg.rfind(SOS)
    return jpeg[:-2] + jpeg[last:-2] * (scans - jpeg.count(SOS)) + jpeg[-2:]


def flat(mode: str, length: int) -> bytes:
    """Return a progressive JPEG of one colour, so that each scan has few bytes."""
    return saved(Image.new(mode, (length, length), 128), "JPEG", progressive=True, subsampling=0)


def rotated() -> Image.Exif:
    """Return EXIF that says to turn the image."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk with its CRC."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(chunk: bytes) -> bytes:
    """Return a small PNG with a chunk behind its header."""
    body = saved(picture("RGB", 250), "PNG")
    return body[:33] + chunk + body[33:]


def run_length_bmp(data: bytes, width: int, height: int, bits: int) -> bytes:
    """Return a BMP of 256 greys."""
    kind = {8: 1, 4: 2}[bits]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, kind, len(data), 0, 0, 256, 0)
    start = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + bytes(1024) + data


def run_length_rows(length: int, run: bytes) -> bytes:
    """Return a square of rows, each of a run over and over again."""
    return (run * -(-length // run[0]) + bytes(2)) * length


def tiff_of_rows(rows: int) -> bytes:
    """Return an uncompressed TIFF of one pixel a row, with a strip for each."""
    offsets = 8 + 2 + 9 * 12 + 4
    tags = [(256, 3, 1, 1), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, rows, offsets), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, rows, offsets)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + struct.pack("<I", 8) * rows


def deflated_tiff(strips: list[bytes], length: int, rows: int, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return a square TIFF of compressed strips of so many rows; `tags` are of the type SHORT."""
    packed = [zlib.compress(strip, 1) for strip in strips]
    starts = np.cumsum([8, *map(len, packed)])
    lists = {256: (length,), 257: (length,), 278: (rows,), 273: tuple(starts[:-1]), 279: tuple(map(len, packed))}
    entries, data, place = [], b"", int(starts[-1])
    for tag, values in sorted((lists | {259: (8,)} | tags).items()):
        kind = "L" if tag in lists else "H"
        value = struct.pack(f"<{len(values)}{kind}", *values)
        if len(value) > 4:
            value, data = struct.pack("<L", place + len(data)), data + value
        entries.append(struct.pack("<HHL", tag, 4 if kind == "L" else 3, len(values)) + value.ljust(4, b"\0"))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<L", place + len(data)) + b"".join(packed) + data + directory


def planes_of_rgba(length: int) -> bytes:
    """Return a TIFF of four planes, each in one strip; the last is the premultiplied alpha."""
    plane = picture("L", length).tobytes()
    tags = {258: (8,) * 4, 262: (2,), 277: (4,), 284: (2,), 338: (1,)}
    return deflated_tiff([plane] * 4, length, length, tags)


def cmyk_of_16_bits(length: int) -> bytes:
    """Return a TIFF that uses a small part of its range, so that it is read twice."""
    length -= length % 64
    noise = np.asarray(picture("L", length).crop((0, 0, length, 64)))
    strip = (np.repeat(noise[..., np.newaxis], 4, axis=-1) * np.uint16(9) + np.uint16(30_000)).tobytes()
    return deflated_tiff([strip] * (length // 64), length, 64, {258: (16,) * 4, 262: (5,), 277: (4,)})


def jpeg_of_three_scans(length: int) -> bytes:
    """Return a sequential JPEG with a scan for each component."""
    grey = saved(picture("L", length), "JPEG", quality=20)
    frame, scan = grey.index(b"\xff\xc0"), grey.index(SOS)
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    header = grey[:frame] + b"\xff\xc0\0\x11" + grey[frame + 4 : frame + 9] + b"\3" + components
    scans = [grey[scan : scan + 5] + bytes((number,)) + grey[scan + 6 : -2] for number in (1, 2, 3)]
    return header + grey[frame + 13 : scan] + b"".join(scans) + grey[-2:]


def comments_gif() -> bytes:
    """Return a GIF of a comment for each four bytes."""
    body = saved(picture("L", 100), "GIF")
    start = 13 + (3 << (body[10] & 7) + 1)
    return body[:start] + b"!\xfe\1A\0" * ((BODY - len(body)) // 5) + body[start:]


def exif_jpeg() -> bytes:
    """Return a JPEG of as many EXIF segments as there is room for."""
    body = saved(picture("RGB", 250), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 65008) + b"Exif\0\0" + bytes(65000)
    return body[:2] + segment * ((BODY - len(body)) // len(segment)) + body[2:]


def animation(form: str, frames: int) -> bytes:
    """Return an animation of small frames."""
    images = [Image.new("RGB", (16, 16), (n % 256, n // 256, 90)) for n in range(frames)]
    return saved(images[0], form, save_all=True, append_images=images[1:])


def text_ppm() -> bytes:
    """Return a PPM of digits."""
    return b"P3 2000 1300 255\n" + b"7 " * (2000 * 1300 * 3)


Maker = Callable[[], bytes]
WORST: dict[str, Maker] = {
    "JPEG, baseline": lambda: saved(picture("RGB", side(1)), "JPEG", subsampling=0, quality=20),
    "JPEG, progressive, 4:4:4": lambda: saved(
        picture("RGB", side(6.5)), "JPEG", progressive=True, subsampling=0, quality=30
    ),
    "JPEG, progressive, CMYK": lambda: saved(picture("CMYK", side(8.5)), "JPEG", progressive=True, quality=30),
    "JPEG, a scan for each component": lambda: jpeg_of_three_scans(side(6.5)),
    "JPEG, grey, 100 scans": lambda: with_scans(flat("L", side(2.5)), 100),
    "JPEG, 4:4:4, 100 scans": lambda: with_scans(flat("RGB", side(6.5)), 100),
    "JPEG, 900 EXIF segments": exif_jpeg,
    "PNG, RGB, turned by EXIF": lambda: saved(picture("RGB", side(4)), "PNG", compress_level=1, exif=rotated()),
    "PNG, RGBA": lambda: saved(picture("RGBA", side(8)), "PNG", compress_level=1),
    "PNG, grey": lambda: saved(picture("L", side(5)), "PNG", compress_level=1),
    "PNG, palette with transparency": lambda: saved(
        picture("L", side(8)).convert("P"), "PNG", compress_level=1, transparency=bytes(range(256))
    ),
    "PNG, 16 bits": lambda: saved(
        Image.fromarray(np.asarray(picture("L", side(2))).astype(np.uint16) * 200), "PNG", compress_level=1
    ),
    "PNG, iCCP of 1 GB": lambda: png_with(png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(10**9), 9))),
    "PNG, iTXt of 60 MB": lambda: png_with(png_chunk(b"iTXt", b"a\0\0\0\0\0" + b"x" * 60_000_000)),
    "PNG, 190,000 chunks": lambda: png_with(png_chunk(b"teXt", bytes(300)) * 190_000),
    "WebP": lambda: saved(picture("RGB", side(16)), "WEBP", method=0, quality=60),
    "WebP, lossless, alpha": lambda: saved(picture("RGBA", side(20)), "WEBP", lossless=True, method=0, quality=0),
    "WebP, 3,000 frames": lambda: animation("WEBP", 3000),
    "AVIF": lambda: saved(picture("RGB", side(16)), "AVIF", speed=10, quality=40),
    "AVIF, 500 frames": lambda: animation("AVIF", 500),
    "HEIC": lambda: heic(side(10), "420"),
    "HEIC, 4:4:4": lambda: heic(side(10), "444"),
    "HEIC, 10 bits": lambda: heic_of_ten_bits(side(16)),
    "TIFF, deflate, one strip": lambda: saved(
        picture("RGB", side(7)), "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: side(7)}
    ),
    "TIFF, LZW, turned": lambda: saved(
        picture("RGB", side(11)), "TIFF", compression="tiff_lzw", tiffinfo={278: side(11), 274: 6}
    ),
    "TIFF, float, one strip": lambda: saved(
        Image.fromarray(np.asarray(picture("L", side(8))).astype(np.float32)),
        "TIFF",
        compression="tiff_adobe_deflate",
        tiffinfo={278: side(8)},
    ),
    "TIFF, planes of RGBA": lambda: planes_of_rgba(side(5)),
    "TIFF, CMYK of 16 bits": lambda: cmyk_of_16_bits(side(8.1)),
    "TIFF, 500,000 strips": lambda: tiff_of_rows(500_000),
    "TIFF, 3,000 pages": lambda: animation("TIFF", 3000),
    "GIF": lambda: saved(picture("L", side(8)), "GIF"),
    "GIF, 13 million comments": comments_gif,
    "GIF, 3,000 frames": lambda: animation("GIF", 3000),
    "BMP, run-length of 8 bits": lambda: run_length_bmp(run_length_rows(2880, b"\1\1"), 2880, 2880, 8),
    "BMP, run-length of 4 bits": lambda: run_length_bmp(run_length_rows(side(8), b"\xff\x12"), side(8), side(8), 4),
    "PPM, 8 bits of 254": lambda: b"P6 5000 4400 254\n" + bytes(5000 * 4400 * 3),
    "PGM, 16 bits of 60,000": lambda: b"P5 8000 4100 60000\n" + bytes(8000 * 4100 * 2),
    "PPM, text": text_ppm,
    "PPM, text of comments": lambda: b"P3 10 10 255\n" + b"#\n" * (15 * 2**19),
}
