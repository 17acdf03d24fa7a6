"""Transparent images are composed over white: what transparency hides has no part in the features."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from pomona.imaging.decoding import decode
from tests.image_files import LIMITS, bmp, features, pixels, sample, saved, tiff

SIZE = 200
RED = (200, 30, 30)


def square(hidden: int | None, opaque: int = 255) -> np.ndarray:
    """A red square on nothing: the colours of the transparent pixels are zeros, or noise of the seed `hidden`."""
    shape = (SIZE, SIZE, 3)
    rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
    rgba[..., :3] = 0 if hidden is None else np.random.default_rng(hidden).integers(0, 256, shape)
    rgba[40:160, 70:130] = (*RED, opaque)
    return rgba


def palette_with_alpha(rgba: np.ndarray) -> Image.Image:
    image = Image.fromarray(rgba[..., :3]).quantize(64).convert("PA")
    image.putalpha(Image.fromarray(np.ascontiguousarray(rgba[..., 3])))
    return image


def palette_with_a_colour_key(rgba: np.ndarray) -> bytes:
    """Indices 0 (red) and 1 (transparent), whose hidden colour is that of the first pixel."""
    image = Image.fromarray((rgba[..., 3] == 0).astype(np.uint8))
    image.putpalette([*RED, *map(int, rgba[0, 0, :3])])
    return saved(image, "PNG", transparency=1)


def premultiplied_tiff(rgba: np.ndarray, **written: bool) -> bytes:
    return tiff((rgba * (rgba[..., 3:] > 0)).astype(np.uint8), 2, extra=[1], **written)


FORMS = {
    "PNG": lambda rgba: saved(Image.fromarray(rgba), "PNG"),
    "TIFF": lambda rgba: saved(Image.fromarray(rgba), "TIFF"),
    "TIFF, premultiplied": premultiplied_tiff,
    "TIFF, premultiplied planes": lambda rgba: premultiplied_tiff(rgba, planar=True),
    "TIFF, premultiplied compressed planes": lambda rgba: premultiplied_tiff(rgba, planar=True, deflate=True),
    "WebP": lambda rgba: saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True),
    "palette and tRNS": palette_with_a_colour_key,
    "grey and alpha": lambda rgba: saved(Image.fromarray(rgba).convert("LA"), "PNG"),
    "palette and alpha": lambda rgba: saved(palette_with_alpha(rgba), "TIFF"),
    "TIFF, 16 bits": lambda rgba: tiff(rgba * np.uint16(257), 2, extra=[2]),
    "TIFF, 12 bits": lambda rgba: tiff(rgba * np.uint16([16, 16, 16, 257]), 2, extra=[2]),
}


@pytest.mark.parametrize("form", FORMS)
def test_hidden_colours_have_no_part_in_the_features(form: str) -> None:
    plain, *noisy = [pixels(FORMS[form](square(hidden))) for hidden in (None, 1, 2)]
    for other in noisy:
        assert np.array_equal(plain, other)


@pytest.mark.parametrize("form", [form for form in FORMS if "grey" not in form])
def test_a_transparent_image_has_the_features_of_the_image_on_white(form: str) -> None:
    on_white = Image.new("RGB", (SIZE, SIZE), "white")
    on_white.paste(RED, (70, 40, 130, 160))
    assert features(FORMS[form](square(1))) @ features(saved(on_white, "PNG")) > 0.999


def test_avif_is_composed_too() -> None:
    plain, noisy = [features(saved(Image.fromarray(square(hidden)), "AVIF", quality=100)) for hidden in (None, 1)]
    assert plain @ noisy > 0.999


def test_a_colour_key_is_transparent() -> None:
    image = Image.new("RGB", (SIZE, SIZE), (1, 2, 3))
    image.paste(RED, (70, 40, 130, 160))
    found = pixels(saved(image, "PNG", transparency=(1, 2, 3)))
    assert (found[0, 0] == 255).all()
    assert abs(found[48, 48].astype(int) - RED).max() <= 2


WRITTEN = [
    {},
    {"deflate": True},
    {"planar": True},
    {"planar": True, "deflate": True},
    {"planar": True, "deflate": True, "differences": True},
    {"planar": True, "deflate": True, "differences": True, "order": ">"},
]
WITH_ALPHA = {
    "grey, straight": (1, [2], [0, 3]),
    "grey, premultiplied": (1, [1], [0, 3]),
    "colours, straight": (2, [2], [0, 1, 2, 3]),
    "colours, premultiplied": (2, [1], [0, 1, 2, 3]),
    "colours, not said": (2, [], [0, 1, 2, 3]),
    "colours, straight, and a fifth band": (2, [2, 0], [0, 1, 2, 3, 3]),
    "colours, premultiplied, and a fifth band": (2, [1, 0], [0, 1, 2, 3, 3]),
}


STORED = [
    *itertools.product(WITH_ALPHA, WRITTEN, [("u1", 1), ("u2", 257)]),
    *itertools.product([form for form in WITH_ALPHA if form != "colours, not said"], WRITTEN[:4], [("f4", 1 / 255)]),
]


@pytest.mark.parametrize(("form", "written", "typed"), STORED, ids=str)
def test_a_tiff_is_over_white_however_its_alpha_is_stored(form: str, written: dict, typed: tuple[str, float]) -> None:
    # Given a picture that is opaque on the left, half transparent in the middle, and hidden on the right
    photometric, extra, bands = WITH_ALPHA[form]
    straight = np.dstack([sample("kiwi", "RGB"), np.full((100, 100), 255, np.uint8)]).astype(float)
    straight[:, 30:60, 3], straight[:, 60:, 3] = 128, 0
    stored = (
        straight[..., bands] if photometric == 2 else np.dstack([straight[..., :3].mean(axis=-1), straight[..., 3]])
    )
    alpha = stored[..., 3 if photometric == 2 else 1, np.newaxis] / 255
    colours = 3 if photometric == 2 else 1
    wanted = 255 + (stored[..., :colours] - 255) * alpha
    if extra[:1] == [1]:
        stored[..., :colours] *= alpha
    # When a TIFF of it is read
    kind, scale = typed
    body = tiff((stored.round() * scale).astype(kind), photometric, extra=extra, **written)
    found = np.asarray(decode(body, 100, 100, LIMITS).image.convert("RGB")).astype(float)
    # Then it lies over white
    assert np.abs(found - wanted).mean() < 2


BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


@pytest.mark.parametrize("header_bytes", [56, 108, 124])
@pytest.mark.parametrize("masks", [BGRA, (0, 0, 0, 0)])
def test_a_bmp_whose_alpha_is_0_everywhere_is_opaque_as_in_browsers(header_bytes: int, masks: tuple) -> None:
    rgb = sample("kiwi", "RGB")
    unused = np.dstack([rgb[..., ::-1], np.zeros(rgb.shape[:2], np.uint8)])
    assert np.array_equal(pixels(bmp(unused, masks, header_bytes)), pixels(saved(Image.fromarray(rgb), "PNG")))


def test_a_bmp_that_uses_its_alpha_is_over_white() -> None:
    rgba = square(1)
    body = bmp(rgba[..., [2, 1, 0, 3]], BGRA)
    assert np.array_equal(pixels(body), pixels(saved(Image.fromarray(rgba), "PNG")))


def test_the_fourth_byte_of_a_bmp_without_alpha_has_no_part_in_it() -> None:
    rgba = square(1)
    wanted = pixels(saved(Image.fromarray(rgba[..., :3]), "PNG"))
    assert np.array_equal(pixels(bmp(rgba[..., [2, 1, 0, 3]], (), 40)), wanted)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_another_image_whose_alpha_is_0_everywhere_is_white(form: str) -> None:
    rgba = np.dstack([sample("kiwi", "RGB"), np.zeros((100, 100), np.uint8)])
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    assert (pixels(saved(Image.fromarray(rgba), form, **options)) == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_opaque_image_with_alpha_is_unchanged_to_the_bit(mode: str) -> None:
    rng = np.random.default_rng(1)
    opaque = Image.fromarray(rng.integers(0, 256, (700, 500, 3), dtype=np.uint8)).convert(mode[:-1])
    with_alpha = opaque.convert(mode)
    assert np.array_equal(pixels(saved(with_alpha, "PNG")), pixels(saved(opaque, "PNG")))


def test_edges_take_no_hidden_colour() -> None:
    # Given a white square whose surroundings are transparent green
    rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
    rgba[..., 1] = 255
    rgba[41:157, 73:131] = 255
    # Then nothing but white is left of it
    assert pixels(saved(Image.fromarray(rgba), "PNG")).min() >= 254


def test_half_transparent_is_half_white() -> None:
    assert (
        abs(pixels(saved(Image.new("RGBA", (50, 50), (100, 0, 0, 128)), "PNG")).astype(int) - (177, 127, 127)).max()
        <= 1
    )


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_transparent_image_is_turned_as_its_exif_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = saved(Image.fromarray(square(None)), "PNG", exif=exif)
    decoded = decode(body, 96, 48, LIMITS)
    wide = np.asarray(decoded.image.convert("L")) < 128
    is_wide = np.ptp(np.nonzero(wide.any(axis=0))) / 48 > np.ptp(np.nonzero(wide.any(axis=1))) / 96
    assert is_wide == (orientation == 6)
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode == "RGBA"
