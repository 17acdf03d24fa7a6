"""JPEG: checks the limits and that the file is whole, from its markers, and keeps the bytes that a decoder needs.

Pillow hides libjpeg's warnings, so a JPEG that ends too early would become a picture with a grey lower half. The
entropy-coded data is therefore handed over without the end marker: a decoder that lacks data then asks for more and
fails, and a decoder that has all its rows never asks for the marker.
"""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from typing import NamedTuple

from PIL import Image

from pomona.imaging.errors import ImageError, cut_short
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.zero_runs import ZEROS, may_hold_zeros
from pomona.imaging.limits import Limits

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2  # both with Huffman coding
METADATA = frozenset((*range(0xE0, 0xF0), 0xFE))  # APP0 to APP15, COM
# the next marker: in entropy-coded data an FF is followed by 00 or by a restart marker
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
KEPT_ONCE = (b"JFIF\0", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Adobe")
ICC = b"ICC_PROFILE\0"
ICC_BYTES = 2**20
BLOCK, COEFFICIENT_BYTES = 64, 2
# what a decoder may read behind the last code: a loss of so few bits is not found
LOOKAHEAD = bytes(16)
TO_SPARE = 32  # bytes: an image that is whole without its last ones has too many


class JpegSegment(NamedTuple):
    """A marker and its payload: `body[start:end]` begins with the marker."""

    marker: int
    start: int
    end: int


class JpegFrame(NamedTuple):
    """The frame header: the bits of a sample, the size of the image, and the number of blocks of each component."""

    marker: int
    bits: int
    width: int
    height: int
    blocks: dict[int, int]


class JpegScan(NamedTuple):
    """The scan header: which coefficients of which components the scan brings, from which bit on."""

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int


def sanitize_jpeg(body: bytes, limits: Limits) -> DecoderInput:
    """Return the JPEG without metadata that no pixel depends on, and without what follows the image (a film).

    Raises:
        ImageError: the JPEG is above a limit, has samples of more than 8 bits, or ends before its image does.
    """
    segments = list(_segments(body))
    frame, scans = _frame(body, segments), [segment for segment in segments if segment.marker == SOS]
    if frame is None or not scans:
        return DecoderInput(body)  # libjpeg says what is wrong
    if frame.bits != 8:
        raise ImageError(f"a JPEG of {frame.bits} bits is not supported: export it as PNG")
    limits.check_pixels(frame.width, frame.height)
    limits.check_jpeg_scans(len(scans))
    header = b"".join([body[:2], *_needed(body, segments)])
    first = _scan(body, scans[0])
    if frame.marker in SEQUENTIAL and set(first.components) == set(frame.blocks):
        following = segments[segments.index(scans[0]) + 1 :]
        end = following[0].start if following else len(body)
        return DecoderInput(_whole_scan(header, memoryview(body)[scans[0].start : end]))
    if frame.marker == PROGRESSIVE or len(first.components) < len(frame.blocks):
        _require_coefficients(body, scans, frame)
    end = segments[-1].start if segments[-1].marker == EOI else len(body)
    coefficients = sum(frame.blocks.values()) * BLOCK * COEFFICIENT_BYTES
    return DecoderInput(header + body[scans[0].start : end] + bytes((0xFF, EOI)), coefficients)


def _segments(body: bytes) -> Iterator[JpegSegment]:
    """Yield every segment up to the end of the image; thumbnails inside of segments are skipped with them."""
    position = 2
    while match := MARKER.search(body, position):
        marker, start, position = body[match.start() + 1], match.start(), match.end()
        if marker not in (SOI, EOI):
            position += max(2, int.from_bytes(body[position : position + 2]))
        yield JpegSegment(marker, start, position)
        if marker == EOI:
            return


def _frame(body: bytes, segments: list[JpegSegment]) -> JpegFrame | None:
    """Return the frame header (ITU-T T.81, B.2.2)."""
    for segment in segments:
        if segment.marker in FRAMES:
            payload = body[segment.start + 4 : segment.end]
            height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
            parts = [payload[6 + 3 * index : 9 + 3 * index] for index in range(payload[5] if len(payload) > 5 else 0)]
            if not parts or len(parts[-1]) < 3:
                return None
            return JpegFrame(segment.marker, payload[0], width, height, _blocks(width, height, parts))
    return None


def _blocks(width: int, height: int, components: list[bytes]) -> dict[int, int]:
    sampling = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in components}
    across, down = (max(each[axis] for each in sampling.values()) for axis in (0, 1))
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return {name: units * one * other for name, (one, other) in sampling.items()}


def _scan(body: bytes, segment: JpegSegment) -> JpegScan:
    """Return the scan header (ITU-T T.81, B.2.3)."""
    payload = body[segment.start + 4 : segment.end]
    count = payload[0] if payload else 0
    if len(payload) < 4 + 2 * count:
        raise cut_short("JPEG")
    first, last, bits = payload[1 + 2 * count : 4 + 2 * count]
    return JpegScan(tuple(payload[1 : 1 + 2 * count : 2]), first, last, bits & 15)


def _needed(body: bytes, segments: list[JpegSegment]) -> Iterator[bytes]:
    """Yield the segments before the first scan, without comments and without metadata that no pixel depends on."""
    seen: set[bytes] = set()
    icc_bytes = 0
    for segment in takewhile(lambda segment: segment.marker != SOS, segments):
        content = body[segment.start : segment.end]
        if segment.marker not in METADATA:
            yield content
        elif content[4:].startswith(ICC):
            icc_bytes += len(content)
            if icc_bytes <= ICC_BYTES:
                yield content
        elif (name := _name(content)) and name not in seen:
            seen.add(name)
            yield content


def _name(content: bytes) -> bytes | None:
    return next((name for name in KEPT_ONCE if content[4:].startswith(name)), None)


def _whole_scan(header: bytes, data: memoryview) -> bytes:
    """Return the JPEG without its end marker.

    Raises:
        ImageError: its data has a run of zeros that the image does not need: a hole.
    """
    zeros = bytes(data).find(ZEROS) if may_hold_zeros(data) else -1
    if zeros >= 0 and not _zeros_are_data(header, data, zeros):
        raise cut_short("JPEG")
    return b"".join((header, data, LOOKAHEAD))


def _zeros_are_data(header: bytes, data: memoryview, zeros: int) -> bool:
    """Return True if the zeros follow the image, or are its codes: a flat image needs all of them, and no more."""
    if _has_all_rows(header, data[:zeros], LOOKAHEAD):
        return True
    return _has_all_rows(header, data, LOOKAHEAD) and not _has_all_rows(header, data[:-TO_SPARE])


def _has_all_rows(*parts: bytes | memoryview) -> bool:
    with suppress(OSError), Image.open(io.BytesIO(b"".join(parts)), formats=("JPEG",)) as image:
        image.draft(None, (1, 1))
        image.load()
        return True
    return False


def _require_coefficients(body: bytes, scans: list[JpegSegment], frame: JpegFrame) -> None:
    """Raise ImageError unless the scans bring every bit of the first component: the luminance of a photograph.

    A last scan that is cut is accepted: only the finest bits are missing, which nobody sees. Each other component
    must have a scan: some files have one for each component.
    """
    luminance = next(iter(frame.blocks))
    last = 63 if frame.marker == PROGRESSIVE else 0
    lowest = dict.fromkeys(range(last + 1), 16)
    missing = set(frame.blocks)
    for segment in scans:
        scan = _scan(body, segment)
        missing -= set(scan.components)
        if luminance in scan.components:
            for coefficient in range(scan.first, min(scan.last, last) + 1):
                lowest[coefficient] = scan.low_bit
    if missing or any(lowest.values()):
        raise cut_short("JPEG")
