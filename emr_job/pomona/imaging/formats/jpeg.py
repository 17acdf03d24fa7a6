"""JPEG: checks the limits and that the file is whole, from its markers, and keeps the bytes that a decoder needs."""

from collections.abc import Iterator
from itertools import takewhile

from pomona.imaging.errors import ImageError
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.formats.jpeg_scans import require_coefficients, require_whole_scans, whole_scan
from pomona.imaging.formats.jpeg_segments import (
    ARITHMETIC,
    EOI,
    JPEG_LS_FRAME,
    LOSSLESS,
    PROGRESSIVE,
    SEQUENTIAL,
    SOS,
    JpegFrame,
    JpegSegment,
    frame_of,
    scan_of,
    segments_of,
    without_appendix,
)
from pomona.imaging.limits import Limits
from pomona.imaging.recognition import JPEG_LS

DECODED = (*SEQUENTIAL, PROGRESSIVE, LOSSLESS, *ARITHMETIC)  # by libjpeg-turbo
COMPONENTS = (1, 3, 4)  # that Pillow takes: grey, YCbCr or RGB, CMYK or YCCK
METADATA = frozenset((*range(0xE0, 0xF0), 0xFE))  # APP0 to APP15, COM
KEPT_ONCE = (b"JFIF\0", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Adobe")
ICC = b"ICC_PROFILE\0"
ICC_BYTES = 2**20
COEFFICIENTS_A_BLOCK, COEFFICIENT_BYTES = 64, 2


def sanitize_jpeg(body: bytes, limits: Limits) -> DecoderInput:
    """Return the JPEG without metadata that no pixel depends on, and without what follows the image (a film).

    Raises:
        ImageError: the JPEG is above a limit, is of a kind that is not read, or ends before its image does.
    """
    every_segment = list(segments_of(body))
    frame = frame_of(body, every_segment)
    if frame is None:
        return DecoderInput(body)  # libjpeg says what is wrong
    _require_known_kind(frame)
    segments, end = without_appendix(body, every_segment, frame)
    scans = [segment for segment in segments if segment.marker == SOS]
    if not scans:
        return DecoderInput(body)
    limits.check_pixels(frame.width, frame.height)
    limits.check_jpeg_scans(len(scans))
    header = b"".join([body[:2], *_needed(body, segments)])
    first, names = scan_of(body, scans[0]), set(frame.components)
    if frame.marker in SEQUENTIAL and set(first.components) == names:
        following = every_segment[segments.index(scans[0]) + 1 :]
        end = following[0].start if following else len(body)
        return DecoderInput(whole_scan(header, memoryview(body)[scans[0].start : end]))
    if frame.marker == PROGRESSIVE or len(first.components) < len(names):
        require_coefficients(body, scans, frame)
    if frame.marker in SEQUENTIAL:
        require_whole_scans(body, segments, end, frame)
    coefficients = frame.blocks * COEFFICIENTS_A_BLOCK * COEFFICIENT_BYTES
    data = body[scans[0].start : end] + bytes((0xFF, EOI))
    return DecoderInput(header + data, coefficients, at_once=frame.marker in ARITHMETIC)


def _require_known_kind(frame: JpegFrame) -> None:
    """Raise ImageError for a JPEG that libjpeg or Pillow does not read, whole as it may be."""
    if frame.marker == JPEG_LS_FRAME:
        raise ImageError(JPEG_LS)
    if frame.bits != 8:
        raise ImageError(f"a JPEG of {frame.bits} bits is not supported: export it as PNG")
    if frame.marker not in DECODED:
        raise ImageError(f"a JPEG of the kind SOF{frame.marker & 15} is not supported: export it as PNG")
    if frame.component_count not in COMPONENTS:
        raise ImageError(f"a JPEG of {frame.component_count} components is not supported: export it as PNG")


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
