"""TIFFs of every number and type of bands: the picture, or an error that names them."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pomona.imaging.decoding import decode
from pomona.imaging.errors import ImageError
from pomona.imaging.recognition import RAW
from tests.image_files import LIMITS, features, pixels, sample, saved, tiff

GREY, RGB = 1, 2
WRITTEN = [
    {},
    {"order": ">"},
    {"deflate": True},
    {"deflate": True, "order": ">"},
    {"planar": True},
    {"planar": True, "deflate": True, "order": ">"},
]
TYPES = {"u1": 1, "u2": 257, "u4": 257, "i2": 16, "i4": 257, "f2": 1 / 255, "f4": 1 / 255, "f8": 1 / 255}


@pytest.mark.parametrize("written", WRITTEN, ids=str)
@pytest.mark.parametrize("kind", TYPES)
def test_colours_of_every_type_are_read(kind: str, written: dict) -> None:
    rgb = sample("kiwi", "RGB")
    body = tiff((rgb.astype(float) * TYPES[kind]).astype(kind), RGB, **written)
    assert features(body) @ features(saved(Image.fromarray(rgb), "PNG")) > 0.998


@pytest.mark.parametrize("written", WRITTEN[:4], ids=str)
@pytest.mark.parametrize("kind", TYPES)
def test_grey_of_every_type_is_read(kind: str, written: dict) -> None:
    grey = sample("kiwi")
    body = tiff((grey[..., np.newaxis].astype(float) * TYPES[kind]).astype(kind), GREY, **written)
    assert features(body) @ features(saved(Image.fromarray(grey), "PNG")) > 0.998


@pytest.mark.parametrize("written", WRITTEN[:4], ids=str)
@pytest.mark.parametrize(("kind", "scale", "lowest"), [("u4", 16_843_009, 0), ("i1", 1 / 2, -64), ("i4", 257, -30_000)])
def test_values_above_and_below_those_of_a_narrower_type_keep_their_order(
    kind: str, scale: float, lowest: int, written: dict
) -> None:
    # Given a picture and a stretched 8-bit file of it, which spans the range of its own values
    grey = sample("kiwi").astype(float)
    low, high = np.quantile(grey, [0.001, 0.999])
    stretched = ((grey - low) / (high - low)).clip(0, 1) * 255
    # When its values are those of the type: above the largest signed number, or below 0
    body = tiff((grey[..., np.newaxis] * scale + lowest).astype(kind), GREY, **written)
    # Then the features are the same
    assert features(body) @ features(saved(Image.fromarray(stretched.astype(np.uint8)), "PNG")) > 0.99


@pytest.mark.parametrize("planar", [False, True])
def test_three_bands_that_are_not_said_to_be_colours_are_red_green_and_blue(planar: bool) -> None:
    rgb = sample("apple", "RGB")
    body = tiff(rgb * np.uint16(257), GREY, planar=planar, extra=[0, 0])
    assert features(body) @ features(saved(Image.fromarray(rgb), "PNG")) > 0.998


def test_bands_beside_red_green_and_blue_are_left_out() -> None:
    rgb = sample("apple", "RGB")
    near_infrared = np.random.default_rng(1).integers(0, 65535, (*rgb.shape[:2], 1))
    body = tiff(np.dstack([rgb * 257.0, near_infrared]).astype(np.float32), RGB, extra=[0])
    assert features(body) @ features(saved(Image.fromarray(rgb), "PNG")) > 0.998


def test_grey_of_16_bits_with_alpha_is_over_white() -> None:
    grey = np.full((50, 50, 2), 20000, np.uint16)
    grey[:25, :, 1], grey[25:, :, 1] = 0, 65535
    found = pixels(tiff(grey, GREY, extra=[2]))
    assert (found[:40] == 255).all()
    assert found[60:].max() < 255


def test_a_picture_of_12_bits_packed_is_read() -> None:
    grey = sample("kiwi").astype(np.uint16) * 16
    left, right = grey[:, ::2], grey[:, 1::2]
    packed = np.dstack([left >> 4, (left & 15) << 4 | right >> 8, right & 255]).astype(np.uint8).tobytes()
    body = bytearray(tiff(grey[..., np.newaxis], GREY))
    body[8 : 8 + len(packed)] = packed
    at = body.index(b"\x02\x01\x03\0\x01\0\0\0\x10")  # BitsPerSample, SHORT, one: 16
    body[at + 8] = 12
    assert features(bytes(body)) @ features(saved(Image.fromarray(sample("kiwi")), "PNG")) > 0.998


@pytest.mark.parametrize(
    ("samples", "photometric", "extra", "said"),
    [
        (np.zeros((9, 12, 5), "u2"), GREY, [0] * 4, "unsupported: 5 bands of 16 bits"),
        (np.zeros((9, 12, 5), "u1"), GREY, [], "unsupported: 5 bands of 8 bits"),
        (np.zeros((9, 12, 5), "u1"), GREY, [0] * 4, "unsupported: 5 bands of 8 bits"),
        (np.zeros((9, 12, 2), "u1"), GREY, [0], "unsupported: 2 bands of 8 bits"),
        (np.zeros((9, 12, 2), "u2"), GREY, [0], "unsupported: 2 bands of 16 bits"),
        (np.zeros((9, 12, 2), "f4"), GREY, [], "unsupported: 2 bands of 32 bits (float)"),
        (np.zeros((9, 12, 3), "u8"), RGB, [], "unsupported: 3 bands of 64 bits"),
        (np.zeros((9, 12, 4), "f4"), 5, [], "unsupported: 4 bands of 32 bits (float) in CMYK"),
        (np.zeros((9, 12, 3), "u2"), 9, [], "unsupported: 3 bands of 16 bits in ICCLab"),
    ],
)
@pytest.mark.parametrize("written", WRITTEN[::2], ids=str)
def test_what_cannot_be_read_is_named(samples, photometric, extra, said, written) -> None:
    with pytest.raises(ImageError) as caught:
        decode(tiff(samples, photometric, extra=extra, **written), 96, 96, LIMITS)
    planes = " in planes" if "planar" in written else ""
    assert str(caught.value) == f"{said}{planes}: export it as RGB or grey of 8 or 16 bits"


@pytest.mark.parametrize(("photometric", "space"), [(6, "YCbCr"), (8, "CIELab")])
@pytest.mark.parametrize("deflate", [False, True])
def test_planes_of_a_colour_space_that_pillow_misreads_are_named(photometric: int, space: str, deflate: bool) -> None:
    with pytest.raises(ImageError) as caught:
        decode(tiff(np.zeros((9, 12, 3), "u1"), photometric, planar=True, deflate=deflate), 96, 96, LIMITS)
    assert str(caught.value).startswith(f"unsupported: 3 bands of 8 bits in {space} in planes: ")


def test_the_limits_hold_for_every_type() -> None:
    body = tiff(np.zeros((30, 40, 3), "f4"), RGB)
    with pytest.raises(ImageError, match="too many pixels: 40 x 30 is above the limit of 1,000"):
        decode(body, 96, 96, replace(LIMITS, max_image_pixels=1000))
    with pytest.raises(ImageError, match="too large to decode"):
        decode(body, 96, 96, replace(LIMITS, max_decoded_bytes=10_000))


def test_a_file_that_ends_before_its_bands_do_is_an_error() -> None:
    body = tiff(sample("kiwi", "RGB").astype("f4"), RGB, offset_of_pixels=100_000)
    with pytest.raises(ImageError):
        decode(body, 96, 96, LIMITS)


def test_tiles_are_read() -> None:
    # Given two tiles of 64 by 112 pixels side by side, three floats a pixel, of an image that fills them in part
    rgb = np.zeros((112, 128, 3), np.float32)
    rgb[:100, :100] = sample("kiwi", "RGB")
    body = tiff(rgb, RGB, tile_width=64, shown=(100, 100))
    assert features(body) @ features(saved(Image.fromarray(sample("kiwi", "RGB")), "PNG")) > 0.998


@pytest.mark.parametrize("photometric", [32803, 34892])
def test_the_data_of_a_camera_are_called_raw(photometric: int) -> None:
    with pytest.raises(ImageError) as caught:
        decode(tiff(np.zeros((9, 12, 1), "u2"), photometric), 96, 96, LIMITS)
    assert str(caught.value) == RAW


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_is_applied(orientation: int) -> None:
    rgb = sample("banana", "RGB")[:60]
    body = tiff(rgb.astype("f4"), RGB, orientation=orientation)
    decoded = decode(body, 96, 96, LIMITS)
    turned = Image.fromarray(np.rot90(rgb, {3: 2, 6: 3}[orientation]))
    assert (decoded.width, decoded.height) == turned.size
    assert features(body) @ features(saved(turned, "PNG")) > 0.998


@pytest.mark.parametrize(
    ("number", "said"),
    [(50001, "50001 (WebP)"), (50002, "50002 (JPEG XL)"), (34712, "34712 (JPEG 2000)"), (9999, "9999")],
)
def test_the_compression_that_cannot_be_read_is_named(number: int, said: str) -> None:
    # Given RGB of 8 bits, which is read, by a compression that is not
    body = tiff(np.zeros((9, 12, 3), "u1"), RGB, deflate=True)
    at = body.index(struct.pack("<HHIH", 259, 3, 1, 8))
    with pytest.raises(ImageError) as caught:
        decode(body[: at + 8] + struct.pack("<H", number) + body[at + 10 :], 96, 96, LIMITS)
    assert str(caught.value).startswith(f"unsupported: 3 bands of 8 bits with compression {said}: ")


def test_an_error_about_bits_stays_short() -> None:
    # Given a band with as many different numbers of bits as a tag may have
    body = tiff(np.zeros((9, 12, 1), "u1"), GREY)
    at = body.index(struct.pack("<HHIH", 258, 3, 1, 8))
    numbers = struct.pack("<100000H", *(number % 3 for number in range(100_000)))
    changed = body[: at + 4] + struct.pack("<II", 100_000, len(body)) + body[at + 12 :] + numbers
    with pytest.raises(ImageError) as caught:
        decode(changed, 96, 96, LIMITS)
    assert str(caught.value).startswith("unsupported: 1 band of 0, 1, 2, 0, 1, 2, 0, 1, … bits: ")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("entries", [256, 250])
def test_a_colour_map_of_8_bits_is_read_as_libtiff_does(entries: int, deflate: bool, order: str) -> None:
    # Given a palette in a colour map whose values are 0 to 255, and not 0 to 65535 as TIFF 6.0 says
    image = Image.fromarray(sample("kiwi", "RGB")).quantize(entries)
    colours = np.array(image.getpalette(), np.uint16).reshape(-1, 3)
    colours = np.vstack([colours, np.zeros((256 - len(colours), 3), np.uint16)])
    bodies = [
        tiff(np.asarray(image)[..., np.newaxis], 3, colour_map=colours * scale, deflate=deflate, order=order)
        for scale in (np.uint16(1), np.uint16(257))
    ]
    # Then the picture is that of the right colour map
    assert np.array_equal(*map(pixels, bodies))
    assert np.array_equal(pixels(bodies[0]), pixels(saved(image.convert("RGB"), "PNG")))


def test_a_dark_colour_map_of_16_bits_stays_dark() -> None:
    colours = np.zeros((256, 3), np.uint16)
    colours[1] = 256
    assert pixels(tiff(np.ones((9, 9, 1), np.uint8), 3, colour_map=colours)).max() == 1
