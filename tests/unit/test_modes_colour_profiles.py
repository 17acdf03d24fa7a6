"""Images with an ICC profile look as a colour-managed viewer shows them; all others are unchanged to the bit."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from tests.image_files import ADOBE_RGB, DISPLAY_P3, SRGB, features, icc, icc_of_inks, pixels, png_chunk, sample, saved

FORMATS = {"JPEG": {"quality": 95}, "PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
SWAPPED = (SRGB[1], SRGB[0], SRGB[2])


def little_cms_srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def in_space_of(profile: bytes, image: Image.Image) -> Image.Image:
    """The same colours as the sRGB `image` has, as a camera that uses `profile` stores them."""
    there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    stored = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), there, outputMode="RGB")
    return Image.fromarray(np.asarray(stored))  # without `info`, of which some formats would write the profile


def colourful() -> Image.Image:
    """All hues, half as strong as sRGB allows: every profile of these tests holds them."""
    hue, value = np.meshgrid(np.arange(120) * 2, np.arange(90) + 120)
    return Image.fromarray(np.dstack([hue, np.full_like(hue, 128), value]).astype(np.uint8), "HSV").convert("RGB")


def fruit(name: str = "kiwi") -> Image.Image:
    return Image.fromarray(sample(name, "RGB"))


@pytest.mark.parametrize("primaries", [ADOBE_RGB, DISPLAY_P3, SWAPPED], ids=["Adobe RGB", "Display P3", "swapped"])
@pytest.mark.parametrize("form", FORMATS)
def test_one_picture_has_one_meaning_in_every_colour_space(form: str, primaries) -> None:
    profile = icc(primaries)
    there = in_space_of(profile, colourful())
    plain = pixels(saved(colourful(), form, **FORMATS[form])).astype(int)
    ignored = abs(pixels(saved(there, form, **FORMATS[form])) - plain).mean()
    assert abs(pixels(saved(there, form, icc_profile=profile, **FORMATS[form])) - plain).mean() < min(2, ignored / 3)


def test_the_features_are_those_of_the_same_picture_in_srgb() -> None:
    profile = icc(ADOBE_RGB)
    stored = saved(in_space_of(profile, fruit()), "PNG", icc_profile=profile)
    assert features(stored) @ features(saved(fruit(), "PNG")) > 0.999


def test_a_red_picture_of_a_swapped_profile_is_green() -> None:
    stored = saved(Image.new("RGB", (50, 50), (220, 20, 20)), "JPEG", icc_profile=icc(SWAPPED))
    red, green, _blue = pixels(stored)[40, 40]
    assert green > 200
    assert red < 60


@pytest.mark.parametrize("form", FORMATS)
def test_an_srgb_profile_changes_nothing(form: str) -> None:
    plain = pixels(saved(fruit(), form, **FORMATS[form]))
    assert np.array_equal(pixels(saved(fruit(), form, icc_profile=little_cms_srgb(), **FORMATS[form])), plain)


def test_a_grey_profile_is_used() -> None:
    grey = Image.fromarray(np.full((50, 50), 100, np.uint8))
    linear = pixels(saved(grey, "PNG", icc_profile=icc(gamma=1.0, space=b"GRAY")))
    assert abs(linear.astype(int) - 168).max() <= 2  # 1.055 (100 / 255) ** (1 / 2.4) - .055


def test_a_profile_of_a_grey_16_bit_image_is_used() -> None:
    grey = Image.fromarray(np.full((50, 50), 100 * 257, np.uint16))
    grey.paste(65535, (0, 0, 10, 10))
    found = pixels(saved(grey, "PNG", icc_profile=icc(gamma=1.0, space=b"GRAY")))
    assert abs(int(found[60, 60, 0]) - 168) <= 2


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_the_profile_of_a_printer_says_what_its_inks_look_like(form: str) -> None:
    # Given a press whose "magenta" is a strong green: L* 50, a* -60, b* 50
    def lab_of(cyan: int, magenta: int, yellow: int, black: int) -> tuple[int, int, int]:
        return (0, 128, 128) if black else (128, 68, 178) if magenta else (255, 128, 128)

    ink = Image.new("CMYK", (50, 50), (0, 255, 0, 0))
    red, green, blue = pixels(saved(ink, form, icc_profile=icc_of_inks(lab_of)))[40, 40].astype(int)
    assert green > red + 60
    assert green > blue + 60
    assert pixels(saved(ink, form))[40, 40].tolist() == pytest.approx([255, 0, 255], abs=3)


def cut(profile: bytes) -> bytes:
    return profile[: len(profile) // 2]


USELESS = {
    "empty": b"",
    "noise": bytes(range(256)) * 3,
    "cut": cut(icc(ADOBE_RGB)),
    "all colours alike": icc(((0, 0, 0),) * 3),
    "of another colour space": icc(gamma=1.0, space=b"GRAY"),
    "huge": icc(ADOBE_RGB) + bytes(5 << 20),
}


@pytest.mark.parametrize("kind", USELESS)
def test_a_useless_profile_changes_nothing(kind: str) -> None:
    assert np.array_equal(
        pixels(saved(fruit(), "TIFF", icc_profile=USELESS[kind])),
        pixels(saved(fruit(), "TIFF")),
    )


@settings(max_examples=100)
@given(st.data())
def test_a_garbled_profile_never_costs_the_pixels(data: st.DataObject) -> None:
    profile = bytearray(icc(DISPLAY_P3))
    for _ in range(data.draw(st.integers(1, 8))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    assert pixels(saved(Image.new("RGB", (20, 20), (9, 99, 199)), "TIFF", icc_profile=bytes(profile))).shape == (
        96,
        96,
        3,
    )


def test_transparency_and_a_profile_go_together() -> None:
    rgba = Image.new("RGBA", (60, 60), (220, 20, 20, 255))
    rgba.paste((1, 2, 3, 0), (0, 0, 30, 60))
    found = pixels(saved(rgba, "PNG", icc_profile=icc(SWAPPED)))
    assert found[40, 10].min() >= 254
    assert found[40, 80, 1] > 200


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_ordinary_files_keep_their_pixels_to_the_bit(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = saved(fruit(), form, exif=exif)
    with Image.open(io.BytesIO(body)) as image:
        upright = ImageOps.exif_transpose(image)
        assert np.array_equal(pixels(body), np.asarray(upright.resize((96, 96), Image.Resampling.BICUBIC)))


def test_gamma_and_primaries_of_a_png_without_a_profile_change_nothing() -> None:
    plain = saved(fruit(), "PNG")
    with_gamma = plain[:33] + png_chunk(b"gAMA", (100000).to_bytes(4, "big")) + plain[33:]
    assert np.array_equal(pixels(with_gamma), pixels(plain))
