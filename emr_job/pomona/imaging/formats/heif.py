"""HEIC and AVIF: pictures in the boxes of ISO media files. Pillow reads HEIC, the format of phones, by pi-heif."""

from functools import cache

import pi_heif

from pomona.imaging.errors import ImageError, cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.heif_items import Box, boxes, item_extents, item_kinds
from pomona.imaging.formats.zero_runs import ends_in_zeros
from pomona.imaging.limits import Limits

FILM = (b"ftyp", b"mpvd")
# pictures of HEVC, in tiles or not, turned or not, with a gain map for HDR; and metadata
CODED = (b"hvc1", b"av01")
ITEMS = (b"hvc1", b"grid", b"iden", b"tmap", b"Exif", b"mime", b"uri ")


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
    data: Box | None = None
    meta = b""
    end = len(body)
    for box in boxes(body):
        if (box.start and box.kind in FILM) or (data and box.kind == bytes(4)):
            end = box.start
            break
        if box.kind == bytes(4) or (box.kind in (b"meta", b"mdat") and box.end > len(body)):
            raise cut_short(name)
        if name == "HEIC" and box.kind == b"moov":
            raise ImageError("a sequence of HEIF is not supported: export a picture of it as JPEG")
        data = box if box.kind == b"mdat" else data
        if box.kind == b"meta":
            meta = body[box.content : box.end]
            if name == "HEIC":
                _require_known_items(meta)
    if _has_lost_pictures(body, meta, data):
        raise cut_short(name)
    return DecoderInput(body[:end])


def _require_known_items(meta: bytes) -> None:
    """Raise ImageError for items that no photograph needs: their code in libheif has had vulnerabilities."""
    for _, kind in item_kinds(meta):
        if kind not in ITEMS:
            words = ascii(kind.decode("latin-1"))
            raise ImageError(f"unsupported HEIC: it holds items of type {words}: export it as JPEG")


def _has_lost_pictures(body: bytes, meta: bytes, data: Box | None) -> bool:
    """Return True if the data of a picture end in zeros. Metadata beside them may: cameras pad their Exif.

    The data as a whole are judged if the file does not say where its pictures are.
    """
    pictures = {number for number, kind in item_kinds(meta) if kind in CODED}
    extents = [extent for number, extent in item_extents(meta) if number in pictures]
    if not extents:
        return data is not None and ends_in_zeros(body[data.content : data.end])
    judged = 0
    for start, end in extents:
        part = body[start:end]
        judged += len(part)
        if judged > len(body):  # the extents overlap, as no camera writes them
            return False
        if ends_in_zeros(part):
            return True
    return False
