"""Small pictures: an image that was reduced to a square becomes a WebP in its own proportions."""

import io

from PIL import Image

from pomona.imaging.preprocessing import PreprocessedImage

QUALITIES = (72, 55, 40, 25, 10)


def webp_thumbnail(image: PreprocessedImage, most_bytes: int) -> bytes | None:
    """Return the picture as WebP of at most `most_bytes`; None if that is not possible.

    Args:
        image: preprocessed to a square; the longer side of the picture is as long as the square's.
        most_bytes: the best of QUALITIES that keeps to it is taken.
    """
    pixels, longest = image.pixels.shape[0], max(image.width, image.height, 1)
    size = (max(pixels * image.width // longest, 1), max(pixels * image.height // longest, 1))
    picture = Image.fromarray(image.pixels).resize(size, Image.Resampling.BICUBIC)
    for quality in QUALITIES:
        content = io.BytesIO()
        picture.save(content, format="WEBP", quality=quality, method=4)
        if content.tell() <= most_bytes:
            return content.getvalue()
    return None
