"""BMP: refuses those that take long to decode."""

from pomona.imaging.errors import ImageError
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.limits import Limits

RUN_LENGTH = (1, 2)  # BI_RLE8, BI_RLE4
# Pillow decodes these in Python: a second for 2 MB
RUN_LENGTH_BYTES = 16 * 2**20


def sanitize_bmp(body: bytes, _: Limits) -> DecoderInput:
    """Return the BMP unchanged.

    Raises:
        ImageError: Pillow would need too long to decode it.
    """
    if int.from_bytes(body[30:34], "little") in RUN_LENGTH and len(body) > RUN_LENGTH_BYTES:
        raise ImageError("a run-length encoded BMP above 16 MB is not supported: save it as PNG")
    return DecoderInput(body)
