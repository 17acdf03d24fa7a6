"""What the header of a BMP says before it is decoded."""

from pomona.imaging.errors import ImageError

RUN_LENGTH = (1, 2)  # BI_RLE8, BI_RLE4
# Pillow decodes these in Python: a second for 2 MB
RUN_LENGTH_BYTES = 16 * 2**20


def check_bmp(body: bytes) -> int:
    """Raise ImageError if the BMP is one that takes long to decode; otherwise it needs no memory beside the image."""
    if int.from_bytes(body[30:34], "little") in RUN_LENGTH and len(body) > RUN_LENGTH_BYTES:
        raise ImageError("a run-length encoded BMP above 16 MB is not supported: save it as PNG")
    return 0
