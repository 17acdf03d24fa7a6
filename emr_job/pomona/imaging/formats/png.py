"""PNG: keeps the chunks that the pixels depend on."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pomona.imaging.errors import ImageError, cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.zero_runs import ZEROS, may_hold_zeros
from pomona.imaging.limits import Limits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AROUND = 12  # the length, name and CRC of a chunk
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# chunks that say how to show the pixels: kept if they are whole and small
SHOWN_BY = (b"iCCP", b"eXIf")
COLOUR_TYPE = 25  # where the header has it
PALETTE = 3
COLOUR_KEY_BYTES = {0: 2, 2: 6}  # of grey and of colours
METADATA_BYTES = 2**16
CHUNKS = 200_000  # pixels come in chunks of 8 kB and more
INFLATED_BYTES = 2**20  # Pillow refuses the image if a profile is larger


@dataclass(frozen=True)
class Chunk:
    """A chunk: `body[start:end]` holds its length, name, data and CRC."""

    name: bytes
    start: int
    end: int


def sanitize_png(body: bytes, _: Limits) -> DecoderInput:
    """Return the PNG without its metadata: a damaged chunk must not cost the pixels, nor a huge one the memory.

    An animation becomes its default image.

    Raises:
        ImageError: zeros lie where the pixels were, or there are too many chunks.
    """
    chunks = list(islice(_chunks(body), CHUNKS + 1))
    if len(chunks) > CHUNKS:
        raise ImageError(f"too many chunks: a PNG of more than {CHUNKS:,} is not supported: save it again")
    for chunk in chunks:
        if chunk.name == b"IDAT" and _has_hole(body, chunk):
            raise cut_short("PNG")
    transparency = _transparency(body, chunks)
    kept = [chunk for chunk in chunks if chunk == transparency or _is_kept(body, chunk)]
    if len(kept) == len(chunks):
        return DecoderInput(body)
    rest = body[chunks[-1].end :] if chunks[-1].name != b"IEND" else b""
    return DecoderInput(b"".join([SIGNATURE, *(body[chunk.start : chunk.end] for chunk in kept), rest]))


def _chunks(body: bytes) -> Iterator[Chunk]:
    """Yield every chunk that begins in `body`; the last may be cut."""
    start = len(SIGNATURE)
    while len(body) - start >= AROUND - 4:
        length, name = int.from_bytes(body[start : start + 4]), body[start + 4 : start + 8]
        if name == bytes(4):
            raise cut_short("PNG")
        yield Chunk(name, start, start + AROUND + length)
        if name == b"IEND":
            return
        start += AROUND + length


def _transparency(body: bytes, chunks: list[Chunk]) -> Chunk | None:
    """Return the tRNS chunk that counts: the first whole one of a length that fits the image, as in libpng.

    It stands before the pixels and behind the palette, of which it has no more entries.
    """
    colour_type = int.from_bytes(body[COLOUR_TYPE : COLOUR_TYPE + 1])
    colours = 0
    for chunk in chunks:
        length = chunk.end - chunk.start - AROUND
        if chunk.name == b"IDAT":
            return None
        if chunk.name == b"PLTE":
            colours = min(length // 3, 256)
        fits = 0 < length <= colours if colour_type == PALETTE else length == COLOUR_KEY_BYTES.get(colour_type)
        if chunk.name == b"tRNS" and fits and _is_whole(body, chunk):
            return chunk
    return None


def _is_kept(body: bytes, chunk: Chunk) -> bool:
    if chunk.name in PIXELS:
        return True
    is_small = chunk.end - chunk.start <= METADATA_BYTES and chunk.name in SHOWN_BY
    return is_small and _is_whole(body, chunk) and (chunk.name != b"iCCP" or _inflates(body, chunk))


def _is_whole(body: bytes, chunk: Chunk) -> bool:
    return zlib.crc32(memoryview(body)[chunk.start + 4 : chunk.end - 4]) == int.from_bytes(
        body[chunk.end - 4 : chunk.end]
    )


def _inflates(body: bytes, chunk: Chunk) -> bool:
    _, _, compressed = body[chunk.start + 8 : chunk.end - 4].partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(compressed[1:], INFLATED_BYTES)
    except zlib.error:
        return False
    return inflate.eof


def _has_hole(body: bytes, chunk: Chunk) -> bool:
    data = memoryview(body)[chunk.start + 8 : chunk.end - 4]
    return may_hold_zeros(data) and ZEROS in bytes(data) and not _is_whole(body, chunk)
