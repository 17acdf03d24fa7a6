"""Every colour mode that Pillow reads, as RGB of eight bits."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# Pillow converts these only by way of another mode
BY_WAY_OF = {"La": "LA", "RGBa": "RGBA"}


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB. Transparency is dropped, not blended, as `convert("RGB")` does in the field's scripts.

    Grey values of more than eight bits are scaled to eight: Pillow alone would clip them to white.
    """
    if image.mode == "RGB":
        return image
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image).astype(np.float64) / 257)
    if image.mode in ("I", "F"):
        return _grey(_to_eight_bits(np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)))
    return image.convert(BY_WAY_OF.get(image.mode, "RGB")).convert("RGB")


def _to_eight_bits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale by the range that the values plainly use: up to 1, 255 or 65535, or else their own."""
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        for full_scale in (1.0, 255.0, 65535.0):
            if high <= full_scale:
                return values * (255 / full_scale)
    return (values - low) * (255 / ((high - low) or 1.0))


def _grey(values: npt.NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8)).convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    return converted if converted is not None else image
