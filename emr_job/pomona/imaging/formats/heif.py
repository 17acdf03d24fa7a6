"""HEIC and AVIF: pictures in the boxes of ISO media files. Pillow reads HEIC, the format of phones, by pi-heif."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pi_heif

from pomona.imaging.errors import ImageError, cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.zero_runs import ends_in_zeros
from pomona.imaging.limits import Limits

LARGE = 1  # the size of a box that has its size in 8 bytes behind its type
VERSION_AND_FLAGS = 4
FILM = (b"ftyp", b"mpvd")
# pictures of HEVC, in tiles or not, turned or not, with a gain map for HDR; and metadata
ITEMS = (b"hvc1", b"grid", b"iden", b"tmap", b"Exif", b"mime", b"uri ")


class Box(NamedTuple):
    """A box: `body[start:end]`, whose content begins at `content`."""

    kind: bytes
    start: int
    content: int
    end: int


@cache
def register_heif() -> None:
    """Let Pillow open HEIC: with one thread, because a worker has one core, and only the picture of such a file."""
    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def sanitize_heif(name: str, body: bytes, _: Limits) -> DecoderInput:
    """Return the file, whose format is `name`, without what is appended to it: the film of a motion photo.

    Raises:
        ImageError: the end of the picture's data is missing (decoders would fill the gap with grey), or a HEIC holds
            items that phones and cameras do not write.
    """
    has_data = False
    for box in _boxes(body):
        if (box.start and box.kind in FILM) or (has_data and box.kind == bytes(4)):
            return DecoderInput(body[: box.start])
        if box.kind == bytes(4) or (box.kind in (b"meta", b"mdat") and box.end > len(body)):
            raise cut_short(name)
        has_data |= box.kind == b"mdat"
        if box.kind == b"mdat" and ends_in_zeros(body[box.content : box.end]):
            raise cut_short(name)
        if name == "HEIC" and box.kind == b"moov":
            raise ImageError("a sequence of HEIF is not supported: export a picture of it as JPEG")
        if name == "HEIC" and box.kind == b"meta":
            _require_known_items(body[box.content : box.end])
    return DecoderInput(body)


def _require_known_items(meta: bytes) -> None:
    """Raise ImageError for items that no photograph needs: their code in libheif has had vulnerabilities."""
    for box in _boxes(meta, VERSION_AND_FLAGS):
        if box.kind == b"iinf":
            entries = box.content + (6 if meta[box.content] == 0 else 8)
            for item in _boxes(meta[: box.end], entries):
                kind = _item_kind(meta[item.content : item.end])
                if kind not in ITEMS:
                    words = ascii(kind.decode("latin-1"))
                    raise ImageError(f"unsupported HEIC: it holds items of type {words}: export it as JPEG")


def _item_kind(entry: bytes) -> bytes:
    """Return the type of an item (ISO/IEC 14496-12, 8.11.6); its id has 2 bytes in version 2, 4 in version 3."""
    return entry[8:12] if entry[:1] == b"\2" else entry[10:14]


def _boxes(body: bytes, start: int = 0) -> Iterator[Box]:
    """Yield the boxes that follow one another from `start` (ISO/IEC 14496-12, 4.2); the last may be cut."""
    while start + 8 <= len(body):
        size, kind, content = int.from_bytes(body[start : start + 4]), body[start + 4 : start + 8], start + 8
        if size == LARGE:
            size, content = int.from_bytes(body[start + 8 : start + 16]), start + 16
        end = max(start + size, content) if size else len(body)
        yield Box(kind, start, content, end)
        start = end
