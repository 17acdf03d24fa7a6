"""Puts transparent images over white, as a browser shows them; colours that transparency hides do not matter."""

from PIL import Image, ImageChops

PREMULTIPLIED = ("La", "RGBa")
STRAIGHT = ("LA", "RGBA")


def over_white(image: Image.Image, height: int, width: int) -> Image.Image:
    """Return the image over white, resized to `height` by `width`, in mode L or RGB.

    Each band is multiplied by alpha before it is resized (Porter and Duff, 1984), so that hidden colours do not bleed
    into the edges. The bands are treated one at a time, so that RGBA needs no second image of its size. An opaque
    image gets the same pixels as without alpha.
    """
    if image.mode not in STRAIGHT + PREMULTIPLIED:
        image = image.convert("RGBA")
    alpha = image.getchannel("A" if image.mode in STRAIGHT else "a")
    uncovered = ImageChops.invert(_resized(alpha, height, width))
    bands = []
    for number in range(len(image.getbands()) - 1):
        band = image.getchannel(number)
        if image.mode in STRAIGHT:
            band = ImageChops.multiply(band, alpha)
        bands.append(ImageChops.add(_resized(band, height, width), uncovered))
    return bands[0] if len(bands) == 1 else Image.merge("RGB", bands)


def _resized(band: Image.Image, height: int, width: int) -> Image.Image:
    return band.resize((width, height), Image.Resampling.BICUBIC)
