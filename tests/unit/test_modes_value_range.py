"""The same picture gets the same features however it is stored, and two pictures never get the same."""

import itertools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pomona.imaging.pixels.value_range import value_range
from tests.image_files import (
    COLOUR,
    COLOUR_ALPHA,
    GREY_ALPHA,
    REPOSITORY,
    features,
    pixels,
    png16,
    png_chunk,
    sample,
    saved,
    tiff,
)

FRUITS = ("apple", "banana", "kiwi", "plum")
SAME = 0.998
DIFFERENT = 0.99  # the most alike of these fruits have .97


def grey_tiff(values: np.ndarray, **options) -> bytes:
    return tiff(values[..., np.newaxis], 1, **options)


def with_value(values: np.ndarray, rows: slice | int, value: float) -> np.ndarray:
    changed = values.astype(np.float32)
    changed[rows, 3:5] = value
    return changed


STORED = {
    "16 bits, times 257": lambda grey: saved(Image.fromarray(grey * np.uint16(257)), "PNG"),
    "16 bits, shifted by 8": lambda grey: saved(Image.fromarray(grey * np.uint16(256)), "PNG"),
    "16 bits, full": lambda grey: saved(Image.fromarray(grey * np.uint16(257) - grey % 3), "PNG"),
    "14 bits": lambda grey: saved(Image.fromarray(grey * np.uint16(64) + grey % 5), "PNG"),
    "12 bits, of 8": lambda grey: saved(Image.fromarray(grey * np.uint16(16)), "TIFF"),
    "12 bits, of a sensor": lambda grey: saved(Image.fromarray(grey * np.uint16(16) + grey % 7), "PNG"),
    "10 bits": lambda grey: saved(Image.fromarray(grey * np.uint16(4) + grey % 3), "TIFF"),
    "16 bits, big-endian": lambda grey: grey_tiff(grey * np.uint16(257), order=">"),
    "16 bits, deflate": lambda grey: grey_tiff(grey * np.uint16(16), deflate=True),
    "16 bits, white is zero": lambda grey: tiff(65535 - (grey * np.uint16(257))[..., np.newaxis], 0),
    "float 0…1": lambda grey: grey_tiff(np.float32(grey / 255)),
    "float 0…255": lambda grey: grey_tiff(np.float32(grey)),
    "float 0…65535": lambda grey: grey_tiff(np.float32(grey * 257.0)),
    "float, one stray above 1": lambda grey: grey_tiff(with_value(grey / 255, 7, 1.001)),
    "float, one stray far above 1": lambda grey: grey_tiff(with_value(grey / 255, 7, 40.0)),
    "float, overshooting": lambda grey: grey_tiff(np.float32(grey / 255 * 1.008)),
    "float, one -9999": lambda grey: grey_tiff(with_value(grey / 255, 7, -9999)),
    "float, NaN": lambda grey: grey_tiff(with_value(grey / 255, 7, np.nan)),
    "float, inf": lambda grey: grey_tiff(with_value(grey / 255, 7, np.inf)),
    "float, a declared no-data value": lambda grey: grey_tiff(with_value(grey / 255, 7, 0.5), no_data="0.5"),
    "int32": lambda grey: saved(Image.fromarray(grey * np.int32(257)), "TIFF"),
}


@pytest.mark.parametrize("fruit", FRUITS)
@pytest.mark.parametrize("stored", STORED)
def test_a_grey_picture_has_the_features_of_its_8_bit_file(stored: str, fruit: str) -> None:
    grey = sample(fruit)
    assert features(STORED[stored](grey)) @ features(saved(Image.fromarray(grey), "PNG")) > SAME


STORED_COLOURS = {
    "PNG, times 257": lambda rgb: png16(rgb * np.uint16(257), COLOUR),
    "PNG, 12 bits": lambda rgb: png16(rgb * np.uint16(16) + rgb % 7, COLOUR),
    "PNG, 12 bits, with alpha": lambda rgb: png16(
        np.dstack([rgb * np.uint16(16) + rgb % 7, np.full(rgb.shape[:2], 65535)]), COLOUR_ALPHA
    ),
    "TIFF, 12 bits": lambda rgb: tiff(rgb * np.uint16(16) + rgb % 7, 2),
    "TIFF, 12 bits, in strips": lambda rgb: tiff(rgb * np.uint16(16) + rgb % 7, 2, rows_per_strip=7),
    "TIFF, 12 bits, in strips, with alpha": lambda rgb: tiff(
        np.dstack([rgb * np.uint16(16) + rgb % 7, np.full(rgb.shape[:2], 65535, np.uint16)]),
        2,
        extra=[2],
        rows_per_strip=7,
    ),
    "TIFF, 12 bits, in tiles": lambda rgb: tiff(rgb * np.uint16(16) + rgb % 7, 2, tile_width=rgb.shape[1] // 2),
    "TIFF, 12 bits, deflate": lambda rgb: tiff(rgb * np.uint16(16) + rgb % 7, 2, deflate=True),
    "TIFF, 12 bits, big-endian": lambda rgb: tiff(rgb * np.uint16(16) + rgb % 7, 2, order=">"),
}


@pytest.mark.parametrize("fruit", FRUITS)
@pytest.mark.parametrize("stored", STORED_COLOURS)
def test_a_colour_picture_has_the_features_of_its_8_bit_file(stored: str, fruit: str) -> None:
    rgb = sample(fruit, "RGB")
    assert features(STORED_COLOURS[stored](rgb)) @ features(saved(Image.fromarray(rgb), "PNG")) > SAME


def test_grey_and_alpha_of_12_bits_have_the_features_of_the_8_bit_file() -> None:
    grey = sample("kiwi")
    body = png16(np.dstack([grey * np.uint16(16) + grey % 7, np.full(grey.shape, 65535)]), GREY_ALPHA)
    assert features(body) @ features(saved(Image.fromarray(grey), "PNG")) > SAME


SLIVERS = {
    "depth around 20 m": lambda grey: saved(Image.fromarray(np.uint16(20000 + grey * 4)), "PNG"),
    "depth with holes of 0": lambda grey: saved(Image.fromarray(np.uint16((20000 + grey * 4) * (grey > 20))), "PNG"),
    "12 bits above an offset": lambda grey: saved(Image.fromarray(np.uint16(40000 + grey * 9)), "TIFF"),
    "float around 300": lambda grey: grey_tiff(np.float32(300 + grey / 100)),
    "float below 0": lambda grey: grey_tiff(np.float32(-5 + grey / 300)),
    "float of 1e-3": lambda grey: grey_tiff(np.float32(1e-3 + grey / 1e6)),
    "float with much -9999": lambda grey: grey_tiff(np.where(grey > 60, grey / 3000, -9999).astype(np.float32)),
    "the least float as no-data": lambda grey: grey_tiff(np.where(grey > 60, grey + 500, -3.4e38).astype(np.float32)),
    "colour of 10 bits above an offset": lambda grey: png16(np.dstack([grey * 3.0 + 9000] * 3), COLOUR),
}


@pytest.mark.parametrize("stored", SLIVERS)
def test_different_pictures_in_a_sliver_of_the_range_have_different_features(stored: str) -> None:
    found = [features(SLIVERS[stored](sample(fruit).astype(int))) for fruit in FRUITS]
    assert max(left @ right for left, right in itertools.combinations(found, 2)) < DIFFERENT


@pytest.mark.parametrize("written", [{}, {"order": ">"}, {"deflate": True, "order": ">"}], ids=str)
@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("i2", lambda grey: grey * (32767 / 255)),
        ("i2", lambda grey: grey * 100),
        ("i1", lambda grey: grey * (127 / 255)),
        ("i4", lambda grey: grey * (65535 / 255)),
    ],
)
@pytest.mark.parametrize("bands", [1, 3])
def test_white_of_a_signed_type_is_its_largest_value(bands: int, kind: str, stored: Callable, written: dict) -> None:
    # Given a picture whose samples are no multiples of a number of levels
    grey = sample("kiwi").astype(float)
    values = np.clip(np.rint(stored(grey)) + (grey.astype(int) % 3 == 1) * (kind != "i1"), 0, np.iinfo(kind).max)
    body = tiff(np.dstack([values] * bands).astype(kind), 2 if bands == 3 else 1, **written)
    # Then it is shown as its 8-bit file is, at the same share of white
    white = {"i1": 127, "i2": 32767, "i4": 65535}[kind]
    wanted = saved(Image.fromarray(np.rint(values * 255 / white).astype(np.uint8)), "PNG")
    assert np.abs(pixels(body).astype(int) - pixels(wanted)).mean() < 2


CMYK = {
    "times 257": lambda inks: inks * np.uint16(257),
    "full": lambda inks: inks * np.uint16(257) - inks % 3 * (inks > 0),
    "12 bits": lambda inks: inks * np.uint16(16) + inks % 7,
    "8 bits in 16": lambda inks: inks.astype(np.uint16),
}


@pytest.mark.parametrize("written", [{}, {"order": ">"}, {"deflate": True}, {"rows_per_strip": 7}], ids=str)
@pytest.mark.parametrize("stored", CMYK)
def test_cmyk_of_16_bits_has_the_features_of_its_8_bit_file(stored: str, written: dict) -> None:
    inks = np.dstack([255 - sample("kiwi", "RGB"), sample("plum") // 4])
    eight = tiff(inks, 5)
    assert features(tiff(CMYK[stored](inks), 5, **written)) @ features(eight) > SAME


def test_different_cmyk_pictures_in_a_sliver_of_the_range_have_different_features() -> None:
    found = [
        features(tiff((30_000 + np.dstack([255 - sample(fruit, "RGB"), np.zeros((100, 100))]) * 9).astype("u2"), 5))
        for fruit in FRUITS
    ]
    assert max(left @ right for left, right in itertools.combinations(found, 2)) < DIFFERENT


@pytest.mark.parametrize("no_data", [-9999, -32768, -3.4e38, np.nan, np.inf])
def test_many_pixels_without_a_measurement_are_black_and_change_nothing_else(no_data: float) -> None:
    grey = sample("kiwi").copy()
    values = (grey / 255).astype(np.float32)
    values[:30], grey[:30] = no_data, 0
    assert features(grey_tiff(values)) @ features(saved(Image.fromarray(grey), "PNG")) > SAME


@pytest.mark.parametrize(("hole", "shade"), [(0, 0), (65535, 255)])
def test_holes_of_a_depth_map_leave_its_contrast(hole: int, shade: int) -> None:
    grey = sample("kiwi").copy()
    low, high = np.sort(grey[30:], axis=None)[[10, -10]]
    depth = np.uint16(20000 + grey.astype(int) * 4)
    stretched = ((grey.astype(float) - low) * 255 / (int(high) - low)).clip(0, 255)
    depth[:30], stretched[:30] = hole, shade
    body = saved(Image.fromarray(stretched.astype(np.uint8)), "PNG")
    assert features(saved(Image.fromarray(depth), "PNG")) @ features(body) > SAME


def test_hot_and_dead_pixels_of_a_sensor_decide_nothing() -> None:
    # Given as many strays as a thousandth, no two alike
    grey = sample("kiwi")
    strays = grey * np.uint16(16) + grey % 7
    strays[0, :9] = np.arange(20000, 65000, 5000)
    body = saved(Image.fromarray(strays), "PNG")
    assert features(body) @ features(saved(Image.fromarray(grey), "PNG")) > 0.99


def test_a_stray_spoils_no_more_than_its_own_pixel() -> None:
    # Given an image of which the network sees 1 pixel for 244
    values = np.tile(np.linspace(0, 1, 1500, dtype=np.float32), (1500, 1))
    plain = pixels(grey_tiff(values)).astype(int)
    values[750, 750] = 1e30
    assert abs(pixels(grey_tiff(values)) - plain).max() <= 2


def test_a_dark_photograph_of_8_bits_is_not_brightened() -> None:
    dark = sample("plum") // 6
    stored = saved(Image.fromarray(dark), "PNG"), saved(Image.fromarray(dark * np.uint16(257)), "PNG")
    assert np.array_equal(*map(pixels, stored))
    assert pixels(stored[0]).max() < 50


def test_a_mask_keeps_its_two_values_apart() -> None:
    for values in ([0, 1], [0, 2048], [0, 65535], [-1.0, 0.0]):
        mask = np.where(sample("plum") > 128, *reversed(values))
        body = grey_tiff(mask.astype(np.float32 if min(values) < 0 else np.uint16))
        assert np.ptp(pixels(body)) > 100, values


def test_sparse_bright_spots_are_seen() -> None:
    stars = np.full((200, 200), 100, np.uint16)
    stars[50:53, 50:53] = 60000
    assert pixels(saved(Image.fromarray(stars), "PNG"))[20:30, 20:30].max() > 100


def test_a_16_bit_colour_key_is_transparent() -> None:
    grey = sample("kiwi") * np.uint16(256)
    grey[:48] = 777
    body = png16(grey[..., np.newaxis], 0, png_chunk(b"tRNS", (777).to_bytes(2, "big")))
    assert (pixels(body)[:40] == 255).all()


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=50),
    st.sampled_from([None, 127, 32767, 65535]),
)
def test_black_is_below_white_whatever_the_values(values: list[float], largest: int | None) -> None:
    array = np.array(values, dtype=np.float64)
    black, white = value_range(np.rint(array), True, largest) if largest else value_range(array, False)
    assert np.isfinite([black, white]).all()
    assert black < white


MEASURE = """
import sys
from pomona.imaging.decoding import decode
from pomona.imaging.limits import Limits

def most_memory():  # of this program: getrusage counts what its parent had before exec, too
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1])

body = open(sys.argv[1], "rb").read()
before = most_memory()
image = decode(body, 96, 96, Limits(10**8, 10**9, 100)).image
print(most_memory() - before, max(image.size))
"""


@pytest.mark.parametrize(("mode", "value", "form", "bytes_a_pixel"), [("I;16", 1000, "PNG", 2), ("F", 0.5, "TIFF", 4)])
def test_wide_samples_are_reduced_before_they_are_widened(tmp_path, mode, value, form, bytes_a_pixel) -> None:
    # Given 16 million pixels, of which float64 and RGB would take 192 MB and more
    file = tmp_path / "image"
    options = {"compression": "tiff_adobe_deflate"} if form == "TIFF" else {"compress_level": 1}
    file.write_bytes(saved(Image.new(mode, (4000, 4000), value), form, **options))
    # When a process of its own decodes it
    command = [sys.executable, "-c", MEASURE, str(file)]
    run = subprocess.run(
        command, env={"PYTHONPATH": f"{REPOSITORY}/contract:{REPOSITORY}/emr_job"}, capture_output=True, check=True
    )
    grown, side = map(int, run.stdout.split())
    # Then it needs the pixels as they are stored, and little more
    assert grown * 1024 < 4000 * 4000 * bytes_a_pixel + 50 * 2**20
    assert side < 2 * 3 * 96


def test_an_image_of_one_row_is_read_however_wide_it_is() -> None:
    values = np.linspace(0, 65535, 3_000_000).astype(np.uint16)
    found = pixels(png16(values[np.newaxis, :, np.newaxis], 0))
    assert found[0, 0, 0] < 5
    assert found[0, -1, 0] > 250
