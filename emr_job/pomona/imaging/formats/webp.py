"""WebP: checks the limits, and that the file is whole, from the header."""

from pomona.imaging.errors import cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.zero_runs import ends_in_zeros
from pomona.imaging.limits import Limits

PIXELS = (b"VP8 ", b"VP8L", b"ANMF")
# libwebp's decoder of animations, which Pillow uses for every WebP, holds two canvases of RGBA, and Pillow copies one
# (measured: benchmarks/worst_images.py)
BYTES_A_PIXEL = 12


def sanitize_webp(body: bytes, limits: Limits) -> DecoderInput:
    """Return the WebP unchanged. Its decoder allocates `decoder_bytes` before it looks at the pixels.

    Raises:
        ImageError: the image is above a limit, or its end is missing.
    """
    width, height = _canvas(body)
    limits.check_pixels(width, height)
    needed = width * height * BYTES_A_PIXEL
    limits.check_decoded_bytes(needed)
    if int.from_bytes(body[4:8], "little") + 8 > len(body) + 1 or ends_in_zeros(_pixels(body)):
        raise cut_short("WebP")
    return DecoderInput(body, needed)


def _canvas(body: bytes) -> tuple[int, int]:
    """Return width and height (RFC 9649, 2.7; RFC 6386, 9.1; lossless: RFC 9649, 3.4)."""
    if body[12:16] == b"VP8X":
        return int.from_bytes(body[24:27], "little") + 1, int.from_bytes(body[27:30], "little") + 1
    if body[12:16] == b"VP8L":
        packed = int.from_bytes(body[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    return int.from_bytes(body[26:28], "little") & 0x3FFF, int.from_bytes(body[28:30], "little") & 0x3FFF


def _pixels(body: bytes) -> bytes:
    """Return the data of the first frame."""
    start = 12
    while start + 8 <= len(body):
        length = int.from_bytes(body[start + 4 : start + 8], "little")
        if body[start : start + 4] in PIXELS:
            return body[start + 8 : start + 8 + length]
        start += 8 + length + length % 2
    return b""
