"""HEIC and AVIF: boxes of ISO media files around a picture. Pillow reads HEIC, the format of phones, by pi-heif."""

from collections.abc import Iterator
from functools import cache

import pi_heif

from pomona.image_errors import cut_short
from pomona.zeros import ends_in_zeros

LARGE = 1  # the size of a box that has its size in 8 bytes behind its type


@cache
def register_heif() -> None:
    """Let Pillow open HEIC. A worker has one core, and of all that such a file may hold only the picture is wanted."""
    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def check_boxes(name: str, body: bytes) -> None:
    """Raise ImageError if the end of the picture's data is missing: decoders fill up with grey what zeros replace."""
    for kind, content, is_whole in _boxes(body):
        if kind == bytes(4) or (kind in (b"meta", b"mdat") and not is_whole):
            raise cut_short(name)
        if kind == b"mdat":
            if ends_in_zeros(content):
                raise cut_short(name)
            return


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Type and content of each box at the top, and whether all of it is there (ISO/IEC 14496-12, 4.2)."""
    start = 0
    while start + 8 <= len(body):
        size, kind, header = int.from_bytes(body[start : start + 4]), body[start + 4 : start + 8], 8
        if size == LARGE:
            size, header = int.from_bytes(body[start + 8 : start + 16]), 16
        end = start + max(size, header) if size else len(body)
        yield kind, body[start + header : end], end <= len(body)
        start = end
