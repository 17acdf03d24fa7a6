"""What happens to an image file before a decoder sees it: limits are checked, and bytes that no pixel needs go."""

from collections.abc import Callable
from functools import partial

from pomona.imaging.formats.bmp import sanitize_bmp
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.gif import sanitize_gif
from pomona.imaging.formats.heif import sanitize_heif
from pomona.imaging.formats.jpeg import sanitize_jpeg
from pomona.imaging.formats.netpbm import sanitize_netpbm
from pomona.imaging.formats.png import sanitize_png
from pomona.imaging.formats.tiff import sanitize_tiff
from pomona.imaging.formats.webp import sanitize_webp
from pomona.imaging.limits import Limits

SANITIZERS: dict[str, Callable[[bytes, Limits], DecoderInput]] = {
    "JPEG": sanitize_jpeg,
    "PNG": sanitize_png,
    "GIF": sanitize_gif,
    "BMP": sanitize_bmp,
    "TIFF": sanitize_tiff,
    "PPM": sanitize_netpbm,
    "WebP": sanitize_webp,
    "HEIC": partial(sanitize_heif, "HEIC"),
    "AVIF": partial(sanitize_heif, "AVIF"),
}


def sanitize(name: str, body: bytes, limits: Limits) -> DecoderInput:
    """Return what a decoder gets of a file of the format `name`, which `recognition.format_of` gives.

    Raises:
        ImageError: the header shows that the file is above a limit, or the file's end is missing.
    """
    return SANITIZERS[name](body, limits)
