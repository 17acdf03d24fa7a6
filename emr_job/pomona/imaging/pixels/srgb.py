"""Converts images of every mode, bit depth, transparency and colour space to sRGB of eight bits."""

from PIL import Image, ImageCms

from pomona.imaging.pixels.colour_profiles import transform_to_srgb
from pomona.imaging.pixels.high_bit_depth import to_eight_bits
from pomona.imaging.pixels.transparency import over_white
from pomona.imaging.pixels.wide_samples import wide_samples


def to_rgb(image: Image.Image, body: bytes, height: int, width: int) -> Image.Image:
    """Return the loaded image in mode RGB, ready to be resized to `height` by `width`.

    An opaque 8-bit image without a profile other than sRGB keeps its size and its pixels. The costly conversions reduce
    the image first: one of more bits comes back small, a transparent one or one with a profile at the size asked for.

    Args:
        image: loaded; of a format that Pillow reads.
        body: the file.
        height: of the image that the network takes, as `image` is stored: before its EXIF orientation is applied.
        width: the same.
    """
    opaque = _opaque(image, body, height, width)
    profile = image.info.get("icc_profile")
    transform = transform_to_srgb(profile, opaque.mode) if isinstance(profile, bytes) else None
    if transform is not None:
        return transform.apply(opaque.resize((width, height), Image.Resampling.BICUBIC))
    return opaque if opaque.mode == "RGB" else opaque.convert("RGB")


def _opaque(image: Image.Image, body: bytes, height: int, width: int) -> Image.Image:
    """Return the image without transparency and with eight bits a sample, in mode L, RGB or CMYK."""
    samples = wide_samples(image, body)
    if samples is not None:
        return to_eight_bits(samples, height, width)
    if image.has_transparency_data and not _has_unused_alpha(image):
        return over_white(image, height, width)
    if image.mode == "LAB":
        return _from_lab(image)
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _has_unused_alpha(image: Image.Image) -> bool:
    """Return True for a BMP whose alpha is 0 everywhere. Programs leave the fourth byte empty; browsers show the rest.

    In other formats alpha is never there by accident.
    """
    return image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)


def _from_lab(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    return converted if converted is not None else image
