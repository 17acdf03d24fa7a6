"""The segments of a JPEG: its markers, the frame header and the scan headers (ITU-T T.81, B)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pomona.imaging.errors import cut_short

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2  # both with Huffman coding
LOSSLESS = 0xC3
ARITHMETIC = (0xC9, 0xCA)
JPEG_LS_FRAME = 0xF7
# the next marker: in entropy-coded data an FF is followed by 00 or by a restart marker
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")


class JpegSegment(NamedTuple):
    """A marker and its payload: `body[start:end]` begins with the marker."""

    marker: int
    start: int
    end: int


class JpegComponent(NamedTuple):
    """A component of the frame: its sampling factors, and the number of its quantization table."""

    across: int
    down: int
    table: int


class JpegFrame(NamedTuple):
    """The frame header: the bits of a sample, the size of the image, the number of components, and each by its name."""

    marker: int
    bits: int
    width: int
    height: int
    component_count: int
    components: dict[int, JpegComponent]

    @property
    def sampling(self) -> tuple[int, int]:
        """Return the greatest sampling factors, across and down."""
        components = self.components.values()
        return max(each.across for each in components), max(each.down for each in components)

    @property
    def blocks(self) -> int:
        """Return the number of blocks of 8 by 8 coefficients."""
        across, down = self.sampling
        units = -(-self.width // (8 * across)) * -(-self.height // (8 * down))
        return units * sum(each.across * each.down for each in self.components.values())


class JpegScan(NamedTuple):
    """The scan header: which coefficients of which components the scan brings, from which bit on."""

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int


def segments_of(body: bytes) -> Iterator[JpegSegment]:
    """Yield every segment up to the end of the image; thumbnails inside of segments are skipped with them."""
    position = 2
    while match := MARKER.search(body, position):
        marker, start, position = body[match.start() + 1], match.start(), match.end()
        if marker not in (SOI, EOI):
            position += max(2, int.from_bytes(body[position : position + 2]))
        yield JpegSegment(marker, start, position)
        if marker == EOI:
            return


def frame_of(body: bytes, segments: list[JpegSegment]) -> JpegFrame | None:
    """Return the frame header (B.2.2); None if there is none, or an incomplete one."""
    segment = next((segment for segment in segments if segment.marker in FRAMES), None)
    if segment is None:
        return None
    payload = body[segment.start + 4 : segment.end]
    height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
    parts = [payload[6 + 3 * index : 9 + 3 * index] for index in range(payload[5] if len(payload) > 5 else 0)]
    if not parts or len(parts[-1]) < 3:
        return None
    components = {part[0]: JpegComponent(part[1] >> 4 or 1, part[1] & 15 or 1, part[2]) for part in parts}
    return JpegFrame(segment.marker, payload[0], width, height, len(parts), components)


def scan_of(body: bytes, segment: JpegSegment) -> JpegScan:
    """Return the scan header (B.2.3)."""
    payload = body[segment.start + 4 : segment.end]
    count = payload[0] if payload else 0
    if len(payload) < 4 + 2 * count:
        raise cut_short("JPEG")
    first, last, bits = payload[1 + 2 * count : 4 + 2 * count]
    return JpegScan(tuple(payload[1 : 1 + 2 * count : 2]), first, last, bits & 15)


def without_appendix(body: bytes, segments: list[JpegSegment], frame: JpegFrame) -> tuple[list[JpegSegment], int]:
    """Return the segments up to the last scan header of the image, and the end of this scan's data.

    Behind an image that lacks its end marker, other data follow (a film, a second image), and bytes of them look like
    markers. The scans of the image end where another image begins, or with a scan header that is not one of this frame.
    """
    kept = 0
    for number, segment in enumerate(segments):
        if kept and segment.marker in (SOI, *FRAMES):
            break
        if segment.marker == SOS:
            if kept and not _is_scan_of(body, segment, frame):
                break
            kept = number + 1
    return segments[:kept], segments[kept].start if kept < len(segments) else len(body)


def _is_scan_of(body: bytes, segment: JpegSegment, frame: JpegFrame) -> bool:
    payload = body[segment.start + 4 : segment.end]
    count = payload[0] if payload else 0
    names = set(payload[1 : 1 + 2 * count : 2])
    return len(payload) == 4 + 2 * count and bool(names) and names <= set(frame.components)
