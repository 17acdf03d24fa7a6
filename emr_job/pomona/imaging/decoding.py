"""Decoding: the bytes of an image file become an RGB image, the right way up. No I/O, no AWS, no Spark."""

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from pomona.imaging.errors import ImageError
from pomona.imaging.formats.heif import register_heif
from pomona.imaging.formats.sanitizer import sanitize
from pomona.imaging.formats.tiff import correct_palette
from pomona.imaging.formats.tiff_bands import TiffBands, tiff_bands
from pomona.imaging.limits import Limits
from pomona.imaging.pixels.high_bit_depth import to_eight_bits
from pomona.imaging.pixels.srgb import to_rgb
from pomona.imaging.pixels.wide_samples import has_sixteen_bits
from pomona.imaging.recognition import RAW, RAW_MAGIC, explain, format_of

# Pillow's name of each format. Only formats of photographs whose decoder runs no other program: never EPS, PDF, MPEG.
DECODERS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "PPM": "PPM",
    "WebP": "WEBP",
    "AVIF": "AVIF",
    "HEIC": "HEIF",
}
# What these decoders hold of each pixel beside Pillow's image: planes, tiles, interleaved pixels and their copies
# (measured with benchmarks/worst_images.py)
DECODER_BYTES_A_PIXEL = {"AVIF": 12, "HEIF": 12}
HEIF_OF_EIGHT_BITS = 6  # so that the 48 megapixels of a phone stay below the default limit
# Pillow's image of a mode together with the copy that its conversion to RGB makes
BYTES_A_PIXEL = {"RGB": 4, "1": 5, "L": 5, "P": 8, "I;16": 2, "I;16B": 2, "I;16L": 2, "I": 4, "F": 4}
OTHER_BYTES_A_PIXEL = 8
# A JPEG is decoded at 1/2, 1/4 or 1/8 only while each side keeps this many times the network's input. Measured with
# MobileNetV2 on noisy and textured photographs, the cosine to a full decode is at worst .9976 at 1.5, .9987 at 2,
# .9998 at 3; photographs of 12 megapixels are decoded at 1/4 at 2 as at 3.
DRAFT_MARGIN = 3
ORIENTATION = 0x0112
NEW_SUBFILE_TYPE, SUB_IFDS, DNG_VERSION = 254, 330, 50706  # tags of TIFF, of TIFF/EP and of DNG
REDUCED = 1
AS_DISPLAYED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = (5, 6, 7, 8)
REDUCED_BEFORE_TURNING = 1 << 24  # pixels: turning makes a copy of four bytes a pixel

# Pillow's own limit is off: `Limits` checks the operator's, from the header
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class DecodedImage:
    """An RGB image the right way up. `width` and `height` are the full image's as displayed, also after a draft."""

    image: Image.Image
    width: int
    height: int


def decode(body: bytes, height: int, width: int, limits: Limits) -> DecodedImage:
    """Decode an image that will be resized to `height` by `width` pixels.

    A large JPEG is decoded at a fraction of its size (scaled DCT, `Image.draft`). An animation gives its first frame.

    Raises:
        ImageError: the file cannot be decoded or is above a limit; no other exception is raised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(body, height, width, limits)
    except ImageError:
        raise
    except Exception as error:  # given hostile bytes, decoders raise almost anything
        raise ImageError(explain(body, error)) from None


def _decode(body: bytes, height: int, width: int, limits: Limits) -> DecodedImage:
    if RAW_MAGIC.match(body):
        raise ImageError(RAW)
    name = format_of(body)
    if name is None:
        raise UnidentifiedImageError
    file = sanitize(name, body, limits)
    if name == "TIFF" and (tiff := tiff_bands(file.body)) is not None:
        return _decode_bands(tiff, file.decoder_bytes, height, width, limits)
    register_heif()
    with Image.open(io.BytesIO(file.body), formats=(DECODERS[name],)) as image:
        if name == "TIFF":
            if _is_raw(image):
                raise ImageError(RAW)
            correct_palette(image)
        full_width, full_height = image.size
        limits.check_pixels(full_width, full_height)
        if name == "JPEG":
            image.draft(None, (DRAFT_MARGIN * width, DRAFT_MARGIN * height))
        if file.at_once:
            image.decodermaxblock = len(file.body)
        limits.check_decoded_bytes(file.decoder_bytes + _image_bytes(image, file.body))
        image.load()
        orientation = _orientation(image)
        network = (width, height) if orientation in TURNED else (height, width)
        rgb = to_rgb(image, file.body, *network)
    return _upright(rgb, orientation, network, (full_width, full_height))


def _decode_bands(tiff: TiffBands, decoder_bytes: int, height: int, width: int, limits: Limits) -> DecodedImage:
    layout = tiff.layout
    limits.check_pixels(layout.width, layout.height)
    limits.check_decoded_bytes(decoder_bytes + layout.bytes)
    network = (width, height) if layout.orientation in TURNED else (height, width)
    rgb = to_eight_bits(tiff.samples(), *network).convert("RGB")
    return _upright(rgb, layout.orientation, network, (layout.width, layout.height))


def _upright(rgb: Image.Image, orientation: int, network: tuple[int, int], size: tuple[int, int]) -> DecodedImage:
    """Turn an image as its EXIF orientation says.

    A large image is reduced first. Others are turned at full size, as Keras scripts do: the order decides how some
    pixels are rounded.

    Args:
        rgb: the image as stored.
        orientation: of EXIF, 1 to 8; other values turn nothing.
        network: height and width of the network's input, before turning.
        size: width and height of the full image as stored.
    """
    if orientation in AS_DISPLAYED:
        if rgb.width * rgb.height > REDUCED_BEFORE_TURNING:
            rgb = rgb.resize(network[::-1], Image.Resampling.BICUBIC)
        rgb = rgb.transpose(AS_DISPLAYED[orientation])
    return DecodedImage(rgb, *(size[::-1] if orientation in TURNED else size))


def _is_raw(image: Image.Image) -> bool:
    """Return True if the TIFF's first image is only the preview of a raw one (DNG, NEF, ARW, PEF)."""
    with suppress(Exception):
        tags = image.getexif()
        return DNG_VERSION in tags or (SUB_IFDS in tags and bool(int(tags.get(NEW_SUBFILE_TYPE, 0)) & REDUCED))
    return False


def _image_bytes(image: Image.Image, body: bytes) -> int:
    """Return the bytes that Pillow's image, its decoder and the conversion to RGB (`pixels.srgb`) need together."""
    decoder = DECODER_BYTES_A_PIXEL.get(image.format or "", 0)
    if image.format == "HEIF" and image.info.get("bit_depth") == 8:
        decoder = HEIF_OF_EIGHT_BITS
    a_pixel = BYTES_A_PIXEL.get(image.mode, OTHER_BYTES_A_PIXEL) + decoder
    if image.mode == "RGB" and has_sixteen_bits(image, body):  # its lower bytes may be read as a second image
        a_pixel *= 2
    return image.width * image.height * a_pixel


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # a damaged EXIF block says nothing about the pixels
        return int(image.getexif().get(ORIENTATION, 1))
    return 1


def resize(image: Image.Image, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return uint8 [height, width, 3] RGB, by Pillow's bicubic filter with antialiasing, as Keras scripts do."""
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
