"""Metadata, damaged or huge, costs an image neither its pixels nor memory; what says how to show it is kept."""

import io
import resource
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from pomona.imaging.decoding import decode
from tests.image_files import LIMITS, pixels, png_chunk, saved

MEGABYTES_80 = 80_000_000
EXIF = b"Exif\0\0"


def picture(width: int = 120, height: int = 90) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x + y) * 80 // width], -1).astype(np.uint8))


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def wrong_crc(chunk: bytes) -> bytes:
    return chunk[:-4] + bytes(byte ^ 0xFF for byte in chunk[-4:])


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


CHUNKS = {
    "iCCP of 5 MB": png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(5 << 20))),
    "iCCP of 80 MB": png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(MEGABYTES_80))),
    "iCCP that is no profile": png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"nonsense" * 30)),
    "iCCP that does not inflate": png_chunk(b"iCCP", b"icc\0\0garbage"),
    "iCCP with a wrong CRC": wrong_crc(png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb()))),
    "zTXt of 80 MB": png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MEGABYTES_80))),
    "many zTXt": png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000))) * 100,
    "iTXt of 80 MB, compressed": png_chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(MEGABYTES_80))),
    "iTXt of 80 MB": png_chunk(b"iTXt", b"a\0\0\0\0\0" + b"x" * MEGABYTES_80),
    "tEXt with a wrong CRC": wrong_crc(png_chunk(b"tEXt", b"Comment\0hello")),
    "gAMA of a byte": png_chunk(b"gAMA", b"\1"),
    "gAMA with a wrong CRC": wrong_crc(png_chunk(b"gAMA", struct.pack(">I", 45455))),
    "cHRM of a byte": png_chunk(b"cHRM", b"\1"),
    "sRGB of no byte": png_chunk(b"sRGB", b""),
    "pHYs of two bytes": png_chunk(b"pHYs", b"\1\2"),
    "tIME of a byte": png_chunk(b"tIME", b"\1"),
    "eXIf of garbage": png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "acTL of a byte": png_chunk(b"acTL", b"\1"),
    "a chunk that nobody knows": png_chunk(b"abCd", bytes(1000)),
}


@pytest.mark.parametrize("kind", CHUNKS)
@pytest.mark.parametrize("behind", [False, True], ids=["before the pixels", "behind them"])
def test_a_chunk_of_metadata_does_not_change_a_png(kind: str, behind: bool) -> None:
    body = saved(picture(), "PNG")
    place = len(body) - 12 if behind else 33
    assert np.array_equal(pixels(body[:place] + CHUNKS[kind] + body[place:]), pixels(body))


@pytest.mark.parametrize("kind", ["iCCP of 80 MB", "zTXt of 80 MB", "many zTXt", "iTXt of 80 MB, compressed"])
def test_compressed_metadata_costs_no_memory(kind: str) -> None:
    body = saved(picture(), "PNG")
    larger = body[:33] + CHUNKS[kind] + body[33:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels(larger)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_what_a_png_needs_is_kept_beside_metadata_that_goes() -> None:
    # Given a palette with transparency, EXIF that turns, and a damaged chunk
    image = picture().convert("P")
    body = saved(image, "PNG", transparency=bytes(range(256)), exif=exif(6))
    larger = body[:33] + CHUNKS["gAMA of a byte"] + body[33:]
    assert np.array_equal(pixels(larger), pixels(body))
    assert decode(larger, 96, 96, LIMITS).width == 90


def test_transparency_with_a_wrong_checksum_is_ignored_as_browsers_do() -> None:
    image = picture().convert("P")
    opaque, transparent = saved(image, "PNG"), saved(image, "PNG", transparency=bytes(range(256)))
    start = transparent.index(b"tRNS") - 4
    chunk = transparent[start : transparent.index(b"IDAT") - 4]
    assert np.array_equal(pixels(transparent.replace(chunk, wrong_crc(chunk))), pixels(opaque))


TRNS = {
    "nothing": b"",
    "a byte": b"\1",
    "3 bytes": b"\0\1\2",
    "4 bytes": b"\0\1\2\3",
    "300 bytes": bytes(300),
    "257 bytes": bytes(range(256)) + b"\0",
}


@pytest.mark.parametrize("length", TRNS)
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "LA", "RGBA", "I;16", "P"])
def test_transparency_of_a_wrong_length_is_ignored_as_browsers_do(mode: str, length: str) -> None:
    # Given a chunk whose length is not one that the PNG specification allows for this kind of image
    grey = picture().convert("L")
    image = Image.fromarray(np.asarray(grey) * np.uint16(257)) if mode == "I;16" else picture().convert(mode)
    data = TRNS[length] if mode != "P" or len(TRNS[length]) > 256 else b""
    body = saved(image, "PNG")
    place = body.index(b"IDAT") - 4
    # Then the image is what it is without the chunk
    assert np.array_equal(pixels(body[:place] + png_chunk(b"tRNS", data) + body[place:]), pixels(body))


@pytest.mark.parametrize("entries", [2, 200])
def test_transparency_of_more_entries_than_the_palette_has_is_ignored(entries: int) -> None:
    body = saved(picture().quantize(entries), "PNG")
    place = body.index(b"IDAT") - 4
    changed = body[:place] + png_chunk(b"tRNS", bytes(entries + 1)) + body[place:]
    assert np.array_equal(pixels(changed), pixels(body))


@pytest.mark.parametrize("place", [b"IEND", b"PLTE"])
def test_transparency_in_the_wrong_place_is_ignored_as_browsers_do(place: bytes) -> None:
    # Given a chunk behind the pixels, or before the palette that it refers to
    body = saved(picture().quantize(200), "PNG")
    at = body.index(place) - 4
    assert np.array_equal(pixels(body[:at] + png_chunk(b"tRNS", bytes(200)) + body[at:]), pixels(body))


def test_many_exif_segments_cost_neither_the_first_nor_time() -> None:
    # Given 900 of them, which Pillow would put together one after the other: 38 seconds
    body = saved(picture(), "JPEG", exif=exif(6))
    segment = b"\xff\xe1" + struct.pack(">H", 65_008) + EXIF + bytes(65_000)
    start = body.index(b"\xff\xdb")
    larger = body[:start] + segment * 900 + body[start:]
    assert np.array_equal(pixels(larger), pixels(body))
    assert decode(larger, 96, 96, LIMITS).width == 90


def test_comments_of_a_jpeg_and_its_unknown_segments_do_not_change_it() -> None:
    body = saved(picture(), "JPEG")
    segments = [struct.pack(">BBH", 0xFF, marker, 1002) + bytes(1000) for marker in (0xFE, 0xE2, 0xED, 0xEC)]
    assert np.array_equal(pixels(body[:2] + b"".join(segments) + body[2:]), pixels(body))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_how_the_colours_of_a_jpeg_are_meant_is_kept(mode: str) -> None:
    body = saved(picture().convert(mode), "JPEG", quality=95, comment=b"x" * 60_000)
    assert (
        np.abs(
            pixels(body).astype(int) - pixels(saved(picture().convert(mode), "PNG" if mode != "CMYK" else "TIFF"))
        ).mean()
        < 3
    )


def test_comments_before_the_first_frame_of_a_gif_do_not_change_it() -> None:
    image = picture().convert("P")
    body = saved(image, "GIF", transparency=3, comment=b"hello")
    start = 13 + (3 << (body[10] & 7) + 1)
    comments = b"!\xfe\1A\0" * 50_000 + b"!\xff\x0bXMP DataXMP" + (b"\xff" + b"x" * 255) * 100 + b"\0"
    assert np.array_equal(pixels(body[:start] + comments + body[start:]), pixels(body))


def heic(image: Image.Image, orientation: int) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(image).save(body, format="HEIF", quality=95, exif=exif(orientation).tobytes())
    return body.getvalue()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF", "TIFF", "AVIF", "MPO"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_upright_in_each_format_as_it_is_in_jpeg(form: str, orientation: int) -> None:
    wanted = decode(saved(picture(), "JPEG", quality=95, exif=exif(orientation)), 96, 96, LIMITS)
    body = heic(picture(), orientation) if form == "HEIF" else saved(picture(), form, exif=exif(orientation))
    found = decode(body, 96, 96, LIMITS)
    assert (found.width, found.height) == (wanted.width, wanted.height)
    turned = [np.asarray(image.image.resize((96, 96))).astype(int) for image in (found, wanted)]
    assert np.abs(turned[0] - turned[1]).mean() < 4


def test_exif_of_a_heic_does_not_turn_what_its_own_box_does_not_turn() -> None:
    # Given a HEIC whose EXIF says to turn, and whose container does not: the container decides (ISO/IEC 23008-12, A.2)
    body = heic(picture(), 6)
    assert decode(body, 96, 96, LIMITS).width == 90
    unturned = body.replace(b"\0\0\0\x09irot\3", b"\0\0\0\x09irot\0")
    found = decode(unturned, 96, 96, LIMITS)
    assert (found.width, found.height) == (120, 90)
    assert np.abs(pixels(unturned).astype(int) - pixels(saved(picture(), "PNG"))).mean() < 4
