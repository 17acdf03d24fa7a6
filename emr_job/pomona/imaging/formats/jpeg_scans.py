"""Whether the scans of a JPEG bring the whole image.

Pillow hides libjpeg's warnings, so a JPEG that ends too early would become a picture with a grey lower half. The
entropy-coded data is therefore handed over without the end marker: a decoder that lacks data then asks for more and
fails, and a decoder that has all its rows never asks for the marker.
"""

import io
import struct
from contextlib import suppress
from itertools import zip_longest

from PIL import Image

from pomona.imaging.errors import cut_short
from pomona.imaging.formats.jpeg_segments import PROGRESSIVE, SOS, JpegFrame, JpegSegment, scan_of
from pomona.imaging.formats.zero_runs import ZEROS, may_hold_zeros

TABLES = (0xC4, 0xDB, 0xDD)  # DHT, DQT, DRI
READ_ALONE = (1, 3, 4)  # components that Pillow takes for an image
# what a decoder may read behind the last code: a loss of so few bits is not found
LOOKAHEAD = bytes(16)
TO_SPARE = 32  # bytes: an image that is whole without its last ones has too many


def whole_scan(header: bytes, data: memoryview) -> bytes:
    """Return a JPEG of one scan without its end marker.

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


def require_whole_scans(body: bytes, segments: list[JpegSegment], end: int, frame: JpegFrame) -> None:
    """Raise ImageError if a scan of a sequential JPEG has a hole of zeros, or if the last one is cut.

    Such a scan brings all coefficients of its components. So a JPEG of these components alone shows whether it is
    whole. Each scan but the last is followed by another, so that it cannot be cut.

    Args:
        body: the file.
        segments: those up to the last scan header; the data of a scan end where the next segment begins.
        end: where the data of the last scan end.
        frame: the frame header.
    """
    for number, (segment, following) in enumerate(zip_longest(segments, segments[1:])):
        components = scan_of(body, segment).components if segment.marker == SOS else ()
        data = memoryview(body)[segment.start : following.start if following else end]
        if len(components) in READ_ALONE and (following is None or may_hold_zeros(data)):
            tables = [body[each.start : each.end] for each in segments[:number] if each.marker in TABLES]
            alone = whole_scan(b"".join((body[:2], *tables, _frame_alone(frame, components))), data)
            if following is None and not _has_all_rows(alone):
                raise cut_short("JPEG")


def _frame_alone(frame: JpegFrame, names: tuple[int, ...]) -> bytes:
    """Return the header of a frame that has some of the components only, in the size that these have."""
    components = {name: frame.components[name] for name in names}
    alone = frame._replace(components=components)
    width, height = (
        -(-side * own // greatest)
        for side, own, greatest in zip((frame.width, frame.height), alone.sampling, frame.sampling, strict=True)
    )
    start = struct.pack(">BBHBHHB", 0xFF, frame.marker, 8 + 3 * len(names), frame.bits, height, width, len(names))
    return start + b"".join(
        bytes((name, each.across << 4 | each.down, each.table)) for name, each in components.items()
    )


def require_coefficients(body: bytes, scans: list[JpegSegment], frame: JpegFrame) -> None:
    """Raise ImageError unless the scans bring every bit of the first component: the luminance of a photograph.

    A last scan that is cut is accepted if the JPEG is progressive: only the finest bits are missing, which nobody sees.
    Each other component must have a scan: some files have one for each component.
    """
    luminance = next(iter(frame.components))
    last = 63 if frame.marker == PROGRESSIVE else 0
    lowest = dict.fromkeys(range(last + 1), 16)
    missing = set(frame.components)
    for segment in scans:
        scan = scan_of(body, segment)
        missing -= set(scan.components)
        if luminance in scan.components:
            for coefficient in range(scan.first, min(scan.last, last) + 1):
                lowest[coefficient] = scan.low_bit
    if missing or any(lowest.values()):
        raise cut_short("JPEG")
