"""Image files of every kind become the pixels that a backbone takes, or an error that a person understands."""

import contextlib
import io
import struct
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from pomona.imaging.decoding import AS_DISPLAYED, decode, resize
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.recognition import RAW

LIMITS = Limits(max_image_pixels=10_000_000, max_decoded_bytes=100_000_000, max_jpeg_scans=100)


def picture(width: int = 120, height: int = 90) -> Image.Image:
    """A picture whose corners differ, so that no turn and no flip goes unseen."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x + y) * 80 // width], -1).astype(np.uint8))


def saved(image: Image.Image, form: str, **options) -> bytes:
    body = io.BytesIO()
    image.save(body, form, **options)
    return body.getvalue()


def pixels(body: bytes, size: int = 96) -> np.ndarray:
    return resize(decode(body, size, size, LIMITS).image, size, size)


def expected(image: Image.Image, size: int = 96) -> np.ndarray:
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def difference(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(left.astype(float) - right.astype(float)).mean())


def reason(body: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(ImageError) as caught:
        decode(body, 96, 96, limits)
    return str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_image_is_resized_exactly_as_pillow_does(form):
    assert np.array_equal(pixels(saved(picture(), form)), expected(picture()))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "GIF", "MPO"])
def test_a_lossy_image_keeps_its_look(form):
    assert difference(pixels(saved(picture(), form)), expected(picture())) < 8


def test_a_small_jpeg_is_decoded_in_full():
    body = saved(picture(190, 190), "JPEG")
    with Image.open(io.BytesIO(body)) as image:
        assert np.array_equal(pixels(body), expected(image.convert("RGB")))


def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same():
    body = saved(picture(1600, 1200), "JPEG", quality=95)
    decoded = decode(body, 96, 96, LIMITS)
    assert decoded.image.width < 1600
    assert (decoded.width, decoded.height) == (1600, 1200)
    assert difference(resize(decoded.image, 96, 96), expected(picture(1600, 1200))) < 1.5


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_mode_becomes_rgb(mode):
    form = {"P": "PNG", "1": "PNG", "L": "PNG", "LA": "PNG", "RGBA": "PNG", "YCbCr": "JPEG", "I;16": "PNG"}
    grey = picture().convert("L")
    image = {
        "I;16": lambda: Image.fromarray(np.asarray(grey).astype(np.uint16) * 257),
        "I": lambda: Image.fromarray(np.asarray(grey).astype(np.int32) * 257),
        "F": lambda: Image.fromarray(np.asarray(grey).astype(np.float32) / 255),
        "LAB": lambda: ImageCms.profileToProfile(
            picture(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        ),
    }.get(mode, lambda: picture().convert(mode))()
    found = pixels(saved(image, form.get(mode, "TIFF")))
    wanted = expected(grey.convert("RGB") if mode in ("1", "L", "LA", "I;16", "I", "F") else picture())
    assert found.shape == (96, 96, 3)
    assert found.dtype == np.uint8
    assert difference(found, wanted) < {"1": 60, "P": 12, "CMYK": 3, "LAB": 6}.get(mode, 2)


def test_an_inverted_cmyk_jpeg_is_turned_back():
    # Given a CMYK JPEG as Adobe writes it, inverted and saying so, which is how Pillow writes it too
    body = saved(picture().convert("CMYK"), "JPEG", quality=95)
    assert difference(pixels(body), expected(picture())) < 3


def test_colour_png_of_sixteen_bits_is_scaled():
    eight = np.asarray(picture()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in eight)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 120, 90, 16, 2, 0, 0, 0))
    body = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.array_equal(pixels(body), expected(picture()))


def test_values_that_are_not_finite_become_black():
    values = np.asarray(picture().convert("L")).astype(np.float32) / 255
    values[:10] = np.nan
    values[10:20] = np.inf
    assert pixels(saved(Image.fromarray(values), "TIFF"))[:15].max() == 0


def test_a_constant_image_with_negative_values_stays_finite():
    assert pixels(saved(Image.fromarray(np.full((20, 20), -5, np.float32)), "TIFF")).max() == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(form, orientation):
    # Given an image stored turned, with the EXIF that says how to show it
    stored = picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = saved(stored, form, exif=exif, **({"quality": 95} if form != "PNG" and form != "TIFF" else {}))
    # When it is decoded
    decoded = decode(body, 96, 96, LIMITS)
    # Then it is as Pillow's own tool shows it, and so are its measures
    shown = stored.transpose(AS_DISPLAYED[orientation]) if orientation > 1 else stored
    assert (decoded.width, decoded.height) == shown.size
    assert difference(resize(decoded.image, 96, 96), expected(shown)) < 3
    with Image.open(io.BytesIO(body)) as image:
        assert ImageOps.exif_transpose(image).size == shown.size


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" * 5]
)
def test_damaged_exif_does_not_fail_the_image(exif):
    body = saved(picture(), "JPEG", exif=exif)
    assert pixels(body).shape == (96, 96, 3)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form):
    first, second = Image.new("RGB", (50, 50), "red"), Image.new("RGB", (50, 50), "blue")
    found = pixels(saved(first, form, save_all=True, append_images=[second]))
    assert found[..., 0].min() > 200
    assert found[..., 2].max() < 50


def test_a_palette_with_transparency_in_bytes_decodes_without_a_warning():
    body = saved(picture().convert("P"), "PNG", transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pixels(body).shape == (96, 96, 3)


def test_an_image_of_one_pixel():
    assert (pixels(saved(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG")) == (9, 8, 7)).all()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty object"),
        (b"Dear diary, today I uploaded a text.\n", "not an image: it begins with text"),
        ("Größe; Höhe; Länge\n".encode(), "not an image: it begins with text"),
        (bytes(100), "not an image: it begins with zeros"),
        (b"%PDF-1.7\n", "PDF is not supported: export it as JPEG, a file for each page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript is not supported: export it as PNG"),
        (b"<!DOCTYPE html><html>", "not an image: it is a web page"),
        (b'<?xml version="1.0"?>\n<svg width="9">', "SVG is not supported: export it as PNG"),
        (b"PK\x03\x04" + bytes(30), "not an image: it is a ZIP archive"),
        (b"\0\0\0\x20ftypisom" + bytes(30), "a video is not supported: export a frame of it as JPEG"),
        (b"\0\0\0\x18ftypheic" + bytes(30), "truncated: the file ends before the image does (HEIC)"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(30), RAW),
        (b"\0\0\0\x18ftypcrx " + bytes(30), RAW),
        (b"FUJIFILMCCD-RAW 0201", RAW),
        (b"IIRO\x08\0\0\0" + bytes(30), RAW),
        (b"IIU\0\x08\0\0\0" + bytes(30), RAW),
        (b"\x8f\xa2\x01\xfe" * 20, "not an image: unknown format"),
        (b"\xff\xd8\xff\xe0" + bytes(5), "damaged JPEG: it cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5), "damaged PNG: it cannot be decoded"),
    ],
)
def test_what_is_no_image_is_named(body, said):
    assert reason(body) == said


@pytest.mark.parametrize("tags", [{50706: b"\x01\x04\0\0"}, {254: 1, 330: 8}])
def test_the_preview_of_a_raw_file_is_not_taken_for_the_image(tags):
    # Given the layout of DNG, and of NEF and ARW: a small picture first, the camera's data behind SubIFDs
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    assert reason(saved(picture(), "TIFF", exif=exif)) == RAW


def test_pages_of_a_reduced_size_make_no_raw_file():
    exif = Image.Exif()
    exif[254] = 1
    assert pixels(saved(picture(), "TIFF", exif=exif)).shape == (96, 96, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_truncated_image_is_said_to_be_truncated_or_damaged(form):
    body = saved(picture(300, 300), form)
    assert reason(body[: len(body) // 2]).startswith(("truncated: the file ends before the image does", "damaged "))


def test_a_truncated_photograph_is_said_to_be_truncated():
    body = saved(picture(300, 300), "JPEG")
    assert reason(body[: len(body) * 2 // 3]) == "truncated: the file ends before the image does (JPEG)"


def test_too_many_pixels_are_refused_from_the_header():
    # Given a bomb: a few bytes that say 30000 x 30000, with nothing behind them
    data = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + b"IHDR" + data + struct.pack(">I", zlib.crc32(b"IHDR" + data))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    said = reason(b"\x89PNG\r\n\x1a\n" + header + idat)
    assert said == "too many pixels: 30000 x 30000 is above the limit of 10,000,000 (MaxImagePixels)"


def test_the_limit_holds_for_a_jpeg_that_would_be_decoded_at_a_fraction():
    said = reason(saved(picture(1600, 1200), "JPEG"), replace(LIMITS, max_image_pixels=1_000_000))
    assert said.startswith("too many pixels: 1600 x 1200")


@pytest.mark.parametrize("form", ["EPS", "PDF", "ICO", "TGA", "PCX"])
def test_formats_that_are_not_allowed_are_refused(form):
    assert reason(saved(picture(64, 64), form))


SEEDS = {form: saved(picture(40, 30), form) for form in ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"]}


@settings(max_examples=300, deadline=None)
@given(form=st.sampled_from(sorted(SEEDS)), data=st.data())
def test_garbled_bytes_give_pixels_or_an_image_error_and_nothing_else(form, data):
    body = bytearray(SEEDS[form])
    for _ in range(data.draw(st.integers(0, 12))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        assert pixels(cut).shape == (96, 96, 3)
    except ImageError as error:
        said = str(error)
        assert 5 < len(said) < 200
        assert not any(repr in said for repr in ("<_io", "Traceback", "Error(", "0x"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_pixels_or_an_image_error_and_nothing_else(body):
    with contextlib.suppress(ImageError):
        assert pixels(body).shape == (96, 96, 3)
