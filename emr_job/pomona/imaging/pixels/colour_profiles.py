"""Embedded ICC profiles: converts colours to sRGB with LittleCMS, as a colour-managed viewer shows them."""

import functools
import io
import itertools

import numpy as np
from PIL import Image, ImageCms

MOST_BYTES = 4 << 20  # the largest profiles for printing have about 3 MB
KEPT = 8  # transforms: the images of a task come from few cameras and programs
COLOUR_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
# There are dozens of sRGB profiles, which differ by rounding. Two levels of 255 cannot be seen.
SAME = 2
# A profile that leaves all colours closer together than this is damaged, whatever its syntax says.
LEAST_CONTRAST = 128
LEVELS = (0, 36, 73, 109, 146, 182, 219, 255)


@functools.lru_cache(maxsize=KEPT)
def transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of images of `mode` (L, RGB, CMYK) to sRGB in mode RGB.

    Returns None if the image stays as it is: its profile is sRGB, damaged, too large, or for another kind of image.
    """
    if len(profile) > MOST_BYTES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != COLOUR_SPACES.get(mode):
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # given a hostile profile, Pillow raises almost anything
        return None
    return transform if _is_of_use(transform, mode) else None


def _is_of_use(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    before = _grid(mode)
    after = np.asarray(transform.apply(before)).astype(int)
    if np.ptp(after) < LEAST_CONTRAST:
        return False
    return bool(mode == "CMYK" or abs(after - np.asarray(before.convert("RGB"))).max() > SAME)


def _grid(mode: str) -> Image.Image:
    """Return an image of all colours whose bands have LEVELS."""
    colours = list(itertools.product(LEVELS, repeat=len(Image.new(mode, (1, 1)).getbands())))
    return Image.frombytes(mode, (len(LEVELS), len(colours) // len(LEVELS)), bytes(itertools.chain(*colours)))
