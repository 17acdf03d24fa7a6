"""What is above a limit becomes an error row that names the limit, before anything is decoded."""

import io
import struct
from dataclasses import replace
from itertools import islice

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageFile

from pomona.imaging.decoding import decode
from pomona.imaging.errors import ImageError
from pomona.imaging.formats.heif_items import item_extents
from tests.image_files import LIMITS, pixels, png_chunk, saved, tiff

SOS = b"\xff\xda"


def picture(width: int = 120, height: int = 90) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x + y) * 80 // width], -1).astype(np.uint8))


def heic(image: Image.Image) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(image).save(body, format="HEIF")
    return body.getvalue()


def reason(body: bytes, **limits: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode(body, 96, 96, replace(LIMITS, **limits))
    return str(caught.value)


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if an image is decoded."""

    def load(_: ImageFile.ImageFile) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


FORMATS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "HEIF"]


def stored(image: Image.Image, form: str) -> bytes:
    return heic(image) if form == "HEIF" else saved(image, form)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("form", FORMATS)
def test_pixels_above_the_limit_are_refused_before_decoding(form: str) -> None:
    said = reason(stored(picture(), form), max_image_pixels=10_000)
    assert said == "too many pixels: 120 x 90 is above the limit of 10,000 (MaxImagePixels)"


@pytest.mark.parametrize("form", FORMATS)
def test_as_many_pixels_as_the_limit_are_read(form: str) -> None:
    limits = replace(LIMITS, max_image_pixels=120 * 90)
    assert decode(stored(picture(), form), 96, 96, limits).width == 120


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("form", FORMATS)
def test_memory_above_the_limit_is_refused_before_decoding(form: str) -> None:
    image = picture(1200, 900) if form == "JPEG" else picture()  # a JPEG is decoded at a fraction
    options = {"progressive": True} if form == "JPEG" else {}
    body = saved(image, form, **options) if options else stored(image, form)
    said = reason(body, max_decoded_bytes=20_000)
    assert said.startswith("too large to decode: it needs ")
    assert said.endswith("(MaxDecodedBytes)")


def test_the_memory_of_a_progressive_jpeg_is_that_of_its_coefficients() -> None:
    # Given 1600 x 1200 with colours at half the resolution: 1.5 coefficients a pixel, of two bytes
    body = saved(picture(1600, 1200), "JPEG", progressive=True, subsampling=2)
    drafted = 400 * 300 * 4  # what Pillow holds of it at a quarter of its size
    coefficients = 1600 * 1200 * 3
    decode(body, 96, 96, replace(LIMITS, max_decoded_bytes=coefficients + drafted))
    assert "it needs 6 MB" in reason(body, max_decoded_bytes=coefficients + drafted - 1)


def test_a_baseline_jpeg_needs_only_what_its_draft_needs() -> None:
    body = saved(picture(1600, 1200), "JPEG")
    assert decode(body, 96, 96, replace(LIMITS, max_decoded_bytes=400 * 300 * 4)).width == 1600


def with_scans(scans: int) -> bytes:
    body = saved(picture(), "JPEG", progressive=True)
    last = body.rfind(SOS)
    return body[:-2] + body[last:-2] * (scans - body.count(SOS)) + body[-2:]


@pytest.mark.usefixtures("no_decoder")
def test_a_jpeg_of_too_many_scans_is_refused_before_decoding() -> None:
    assert reason(with_scans(101)) == "too many scans: 101 of a JPEG are above the limit of 100 (MaxJpegScans)"


def test_a_jpeg_of_as_many_scans_as_the_limit_is_read() -> None:
    assert pixels(with_scans(100)).shape == (96, 96, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_scans_that_are_not_of_the_image_do_not_count(progressive: bool) -> None:
    # Given a thumbnail of many scans inside of EXIF, and films and images behind the end of the image
    body = saved(picture(), "JPEG", progressive=progressive)
    thumbnail = b"Exif\0\0II*\0\x08\0\0\0\0\0" + (SOS + b"\0\x08\1\1\0\0\x3f\0") * 200
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    larger = body[:2] + segment + body[2:] + body * 20 + SOS * 500
    assert np.array_equal(pixels(larger), pixels(body))


@pytest.mark.parametrize("size", [(16384, 16384), (2**24, 2**24)])
def test_the_canvas_of_a_webp_is_refused_before_its_decoder_takes_it(size: tuple[int, int]) -> None:
    width, height = (side - 1 for side in size)
    header = b"VP8X" + struct.pack("<IB3x", 10, 0) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    chunk = saved(picture(), "WEBP")[12:]
    body = b"RIFF" + struct.pack("<I", 4 + len(header) + len(chunk)) + b"WEBP" + header + chunk
    assert reason(body).startswith(f"too many pixels: {size[0]} x {size[1]} ")


def test_a_tiff_tile_larger_than_the_image_is_refused() -> None:
    # Given 10 x 10 pixels in a tile of 60,000 x 60,000: libtiff would take 3.6 GB for it
    tags = [(256, 10), (257, 10), (258, 8), (259, 8), (262, 1), (277, 1), (322, 60000), (323, 60000), (324, 8)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*tags, (325, 8)])
    body = b"II*\0" + struct.pack("<IH", 8, 10) + entries + bytes(4)
    assert reason(body).startswith("too large to decode: it needs 3,433 MB")


def test_a_tiff_of_too_many_strips_is_refused() -> None:
    rows = 600_000
    tags = [(256, 3, 1, 1), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, rows, 122)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in [*tags, (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, rows, 8)])
    body = b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + struct.pack("<I", 8) * rows
    assert reason(body) == "too many strips: a TIFF of more than 500,000 is not supported: save it as PNG"


def grey_tiff(*entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF of 8 by 8 pixels; `entries` (tag, type, count, value) replace those of the same tag."""
    ours = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)]
    replaced = {entry[0] for entry in entries}
    tags = sorted([*(entry for entry in ours if entry[0] not in replaced), (277, 3, 1, 1), (279, 4, 1, 64), *entries])
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(
    "entries",
    [
        [(322, 9, 1, 30_000), (323, 9, 1, 30_000)],
        [(322, 8, 1, 30_000), (323, 8, 1, 30_000)],
        [(322, 3, 1, 30_000), (323, 3, 1, 30_000), (259, 8, 1, 8)],
        [(322, 3, 1, 30_000), (322, 3, 1, 64), (323, 3, 1, 30_000), (323, 3, 1, 64)],
        [(322, 3, 1, 64), (322, 3, 1, 30_000), (323, 3, 1, 64), (323, 3, 1, 30_000)],
    ],
    ids=["LONG, signed", "SHORT, signed", "signed compression", "the first of two", "the last of two"],
)
def test_a_tile_is_counted_whatever_its_tags_look_like(entries: list[tuple[int, int, int, int]]) -> None:
    assert reason(grey_tiff(*entries)).startswith("too large to decode")


@pytest.mark.parametrize("tag", [258, 279, 320, 338, 339])
def test_a_tag_of_too_many_values_is_refused(tag: int) -> None:
    assert reason(grey_tiff((tag, 3, 600_000, 8))).startswith(f"too many values of tag {tag}: ")


@pytest.mark.parametrize("planar", [False, True])
def test_the_strip_of_a_tiff_that_pillow_does_not_read_is_counted(planar: bool) -> None:
    body = tiff(np.zeros((300, 400, 3), "f4"), 2, deflate=True, planar=planar)
    samples = 300 * 400 * 3 * 4
    strip = samples // 3 if planar else samples
    decode(body, 96, 96, replace(LIMITS, max_decoded_bytes=samples + strip))
    assert reason(body, max_decoded_bytes=samples + strip - 1).startswith("too large to decode")


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_directory_of_a_bigtiff_is_read_before_pillow_reads_it(order: str) -> None:
    mark = b"II+\0" if order == "<" else b"MM\0+"
    tags = [(256, 40_000), (257, 40_000), (258, 8), (262, 1), (273, 8), (277, 1), (279, 8)]
    entries = b"".join(struct.pack(order + "HHQQ", tag, 16, 1, value) for tag, value in tags)
    body = mark + struct.pack(order + "HHQQ", 8, 0, 16, len(tags)) + entries + bytes(8)
    assert reason(body).startswith("too many pixels: 40000 x 40000 ")


def test_a_text_of_numbers_and_a_run_length_bmp_are_read_up_to_a_size() -> None:
    assert reason(b"P3 2000 2000 255\n" + b"7 " * 9_000_000).startswith("a PPM written as text is not supported above")
    header = struct.pack("<IiiHHIIiiII", 40, 9, 9, 1, 8, 1, 0, 0, 0, 256, 0)
    bitmap = b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + header + bytes(17 * 2**20)
    assert reason(bitmap).startswith("a run-length encoded BMP above 16 MB is not supported")


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_of_many_frames_the_first_is_read(form: str) -> None:
    images = [Image.new("RGB", (8, 8), (n % 256, n // 256, 90)) for n in range(300)]
    images[0] = Image.new("RGB", (8, 8), (250, 10, 10))
    options = {"lossless": True} if form == "WEBP" else {}
    found = pixels(saved(images[0], form, save_all=True, append_images=images[1:], **options))
    assert np.abs(found.astype(int) - (250, 10, 10)).max() < 4


def test_a_png_of_too_many_chunks_is_refused() -> None:
    body = saved(picture(), "PNG")
    said = reason(body[:33] + png_chunk(b"teXt", b"") * 200_001 + body[33:])
    assert said == "too many chunks: a PNG of more than 200,000 is not supported: save it again"


def test_a_png_of_any_size_is_refused_by_its_header_alone() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    assert reason(body).startswith("too many pixels: 30000 x 30000")


@pytest.mark.parametrize("sizes", [0, 0x1000, 0x4400])
def test_a_heic_that_says_it_has_billions_of_extents_has_as_many_as_it_has_bytes(sizes: int) -> None:
    # Given a list of locations of 65,535 items with 65,535 extents each, of numbers of no, one or four bytes
    item = struct.pack(">HHH", 1, 0, 65_535)
    data = bytes(4) + struct.pack(">HH", sizes, 65_535) + item * 65_535
    meta = bytes(4) + struct.pack(">I", 8 + len(data)) + b"iloc" + data
    assert sum(1 for _ in islice(item_extents(meta), 1_000_000)) <= len(data)
