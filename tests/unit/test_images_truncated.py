"""A file that lost its end becomes an error row; one that lost its end marker alone, or got more appended, is read."""

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from pomona.imaging.decoding import decode
from pomona.imaging.errors import ImageError
from tests.image_files import LIMITS, pixels, saved

MARK = b"\xff\xd9"
# bytes that look like markers: scans of components that no image has, tables, comments, ends of an image
FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40 + b"\xff\xda\0\0\xff\xc4\0\3\0\xff\xfe\0\2\xff\xd9" * 200
JPEGS: dict[str, dict[str, object]] = {
    "baseline": {"quality": 80},
    "coarse": {"quality": 10},
    "optimised": {"quality": 80, "optimize": True},
    "restarts": {"quality": 80, "restart_marker_blocks": 4},
    "4:4:4": {"quality": 95, "subsampling": 0},
    "progressive": {"quality": 80, "progressive": True},
}


def noise(width: int = 300, height: int = 300) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8))


def above(value: int) -> Image.Image:
    """A picture whose lower two thirds have one colour."""
    samples = np.asarray(noise()).copy()
    samples[100:] = value
    return Image.fromarray(samples)


PICTURES = {
    "noise": noise(),
    "grey": noise().convert("L"),
    "CMYK": noise().convert("CMYK"),
    "above black": above(0),
    "above white": above(255),
    "above grey": above(128),
    "flat": Image.new("RGB", (2000, 1500), (200, 30, 90)),
    "black": Image.new("L", (2000, 1500)),
    "a pixel": Image.new("RGB", (1, 1), (9, 8, 7)),
}


def heic(image: Image.Image) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(image).save(body, format="HEIF", quality=80)
    return body.getvalue()


def reason(body: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(body, 96, 96, LIMITS)
    return str(caught.value)


@cache
def jpeg(picture: str, kind: str) -> bytes:
    return saved(PICTURES[picture], "JPEG", **JPEGS[kind])


@cache
def pixels_of_whole(picture: str, kind: str) -> NDArray[np.uint8]:
    return pixels(jpeg(picture, kind))


@cache
def honest_pixels(picture: str, kind: str) -> NDArray[np.uint8]:
    """What Pillow alone makes of the whole file."""
    with Image.open(io.BytesIO(jpeg(picture, kind))) as image:
        image.draft(None, (288, 288))
        return np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize(
    "changed",
    [
        lambda body: body[:-2],
        lambda body: body + FILM,
        lambda body: body + body,
        lambda body: body + bytes(5000),
    ],
    ids=[
        "without its end marker",
        "with a film",
        "with another image",
        "with zeros behind it",
    ],
)
def test_an_honest_jpeg_has_the_pixels_that_it_has_whole(picture: str, kind: str, changed: Callable) -> None:
    body, wanted = jpeg(picture, kind), honest_pixels(picture, kind)
    assert np.array_equal(pixels(changed(body)), wanted)
    assert np.array_equal(pixels_of_whole(picture, kind), wanted)


@pytest.mark.parametrize("picture", ["noise", "grey", "CMYK", "above black", "above white", "above grey", "a pixel"])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize(
    "changed",
    [lambda body: body[:-2] + FILM, lambda body: body[:-2] + body, lambda body: body[:-2] + bytes(5000)],
    ids=["a film", "another image", "zeros"],
)
def test_what_stands_in_the_place_of_the_end_marker_does_not_change_a_jpeg(
    picture: str, kind: str, changed: Callable
) -> None:
    assert np.array_equal(pixels(changed(jpeg(picture, kind))), pixels_of_whole(picture, kind))


def test_zeros_between_the_pixels_and_the_end_marker_are_no_hole() -> None:
    body = saved(above(0), "JPEG", optimize=True)
    assert np.array_equal(pixels(body[:-2] + bytes(512) + MARK), pixels(body))


@pytest.mark.parametrize("picture", ["noise", "grey", "CMYK", "above black", "above grey"])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("half", [0.5, 0.6])
def test_a_jpeg_without_its_second_half_is_truncated(picture: str, kind: str, half: float) -> None:
    body = jpeg(picture, kind)
    cut = int(len(body) * half)
    missing = len(body) - cut
    said = {
        reason(lost)
        for lost in (
            body[:cut],
            body[:cut] + MARK,
            body[:cut] + bytes(missing),
            body[:cut] + bytes(missing - 2) + MARK,
            body[:cut] + bytes(missing + 4096),
            body[:cut] + MARK + body,
        )
    }
    assert said == {"truncated: the file ends before the image does (JPEG)"}


def in_scans_of_their_own(image: Image.Image, subsampled: bool = False) -> bytes:
    """A sequential JPEG with a scan for each component, put together of three grey ones."""
    luminance, *colours = image.convert("YCbCr").split()
    if subsampled:
        colours = [band.resize((-(-band.width // 2), -(-band.height // 2))) for band in colours]
    bodies = [saved(band, "JPEG", quality=80) for band in (luminance, *colours)]
    scans = [body[body.index(b"\xff\xda") : -2] for body in bodies]
    frame = bodies[0].index(b"\xff\xc0")
    size = bodies[0][frame + 4 : frame + 9]
    factors = (0x22 if subsampled else 0x11, 0x11, 0x11)
    components = b"".join(bytes((number, factor, 0)) for number, factor in enumerate(factors, 1))
    header = b"\xff\xc0\0\x11" + size + b"\3" + components
    start = bodies[0][:frame] + header + bodies[0][frame + 13 : bodies[0].index(b"\xff\xda")]
    named = [scan[:5] + bytes((number,)) + scan[6:] for number, scan in enumerate(scans, 1)]
    return start + b"".join(named) + MARK


@pytest.mark.parametrize("share", [0.2, 0.5, 0.6, 0.7, 0.9, 0.99])
def test_a_jpeg_whose_components_have_scans_of_their_own_is_truncated_if_one_is_missing_or_cut(share: float) -> None:
    body = in_scans_of_their_own(noise())
    cut = int(len(body) * share)
    assert np.abs(pixels(body).astype(int) - pixels(saved(noise(), "PNG"))).mean() < 4
    said = {reason(lost) for lost in (body[:cut], body[:cut] + MARK, body[:cut] + bytes(len(body) - cut))}
    assert said == {"truncated: the file ends before the image does (JPEG)"}


@pytest.mark.parametrize("picture", ["noise", "above black", "above grey", "flat", "black", "a pixel"])
@pytest.mark.parametrize("subsampled", [False, True])
@pytest.mark.parametrize("changed", [bytes, lambda body: body[:-2], lambda body: body[:-2] + bytes(3000) + MARK])
def test_a_whole_jpeg_whose_components_have_scans_of_their_own_is_read(
    picture: str, subsampled: bool, changed: Callable
) -> None:
    image = PICTURES[picture].convert("RGB")
    body = changed(in_scans_of_their_own(image, subsampled))
    with Image.open(io.BytesIO(body if body.endswith(MARK) else body + MARK)) as opened:
        wanted = np.asarray(opened.convert("RGB").resize((96, 96), Image.Resampling.BICUBIC))
    assert np.abs(pixels(body).astype(int) - wanted).mean() < 1


@pytest.mark.parametrize("scan", [0, 1, 2])
@pytest.mark.parametrize("subsampled", [False, True])
def test_a_hole_of_zeros_in_any_of_these_scans_is_found(scan: int, subsampled: bool) -> None:
    body = in_scans_of_their_own(noise(), subsampled)
    start = [place for place in range(len(body)) if body.startswith(b"\xff\xda\0\x08\1", place)][scan] + 300
    assert reason(body[:start] + bytes(2048) + body[start + 2048 :]).startswith("truncated")


def test_a_hole_of_zeros_in_the_middle_of_a_jpeg_is_found() -> None:
    body = saved(noise(), "JPEG", quality=80)
    assert reason(body[:20_000] + bytes(8192) + body[28_192:]).startswith("truncated")


OTHERS: dict[str, Callable[[Image.Image], bytes]] = {
    "PNG": lambda image: saved(image, "PNG"),
    "PNG, stored": lambda image: saved(image, "PNG", compress_level=0),
    "WebP": lambda image: saved(image, "WEBP"),
    "WebP, lossless": lambda image: saved(image, "WEBP", lossless=True),
    "AVIF": lambda image: saved(image, "AVIF"),
    "HEIC": heic,
    "GIF": lambda image: saved(image, "GIF"),
    "TIFF": lambda image: saved(image, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, LZW": lambda image: saved(image, "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("picture", ["noise", "above black", "above white", "above grey", "flat"])
@pytest.mark.parametrize("kind", OTHERS)
def test_another_format_that_is_whole_is_read_also_with_zeros_behind_it(kind: str, picture: str) -> None:
    body = OTHERS[kind](PICTURES[picture])
    assert np.array_equal(pixels(body), pixels(body + bytes(300)))


@pytest.mark.parametrize("picture", ["noise", "above black"])
@pytest.mark.parametrize("kind", OTHERS)
def test_another_format_without_its_second_half_is_truncated(kind: str, picture: str) -> None:
    body = OTHERS[kind](PICTURES[picture])
    cut = len(body) // 2
    said = {reason(body[:cut]), reason(body[:cut] + bytes(len(body) - cut))}
    assert said == {f"truncated: the file ends before the image does ({kind.partition(',')[0]})"}


def with_exif_behind_the_picture(body: bytes, exif: bytes) -> bytes:
    """The HEIC or AVIF with more data at the end of `mdat`, of an item that nothing but metadata refers to."""
    at = body.index(b"mdat") - 4
    size = int.from_bytes(body[at : at + 4])
    assert at + size == len(body)
    return body[:at] + (size + len(exif)).to_bytes(4) + body[at + 4 :] + exif


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("picture", ["noise", "above black", "flat"])
def test_exif_that_ends_in_zeros_behind_the_picture_does_not_make_it_truncated(kind: str, picture: str) -> None:
    body = OTHERS[kind](PICTURES[picture])
    padded = with_exif_behind_the_picture(body, b"\0\0\0\6Exif\0\0MM\0*" + bytes(len(body)))
    assert np.array_equal(pixels(padded), pixels(body))


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_a_picture_that_ends_in_zeros_before_its_exif_is_truncated(kind: str) -> None:
    body = OTHERS[kind](noise())
    lost = body[: len(body) // 2] + bytes(len(body) - len(body) // 2)
    assert reason(with_exif_behind_the_picture(lost, b"Exif" * 10_000)).startswith("truncated")


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM"])
def test_an_uncompressed_image_without_its_second_half_is_truncated(form: str) -> None:
    body = saved(noise(), form)
    assert reason(body[: len(body) // 2]).startswith("truncated")


def test_a_png_whose_second_half_is_zeros_is_truncated_whatever_ends_it() -> None:
    body = saved(noise(), "PNG")
    cut = len(body) // 2
    assert reason(body[:cut] + bytes(len(body) - cut - 12) + body[-12:]).startswith("truncated")
    assert reason(body[:cut] + body[-12:]).startswith("truncated")


def test_a_png_without_its_end_chunk_is_read() -> None:
    body = saved(noise(), "PNG")
    assert np.array_equal(pixels(body[:-12]), pixels(body))
