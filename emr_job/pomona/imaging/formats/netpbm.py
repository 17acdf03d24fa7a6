"""PPM, PGM and PBM: converts the forms that Pillow decodes in Python, a sample at a time, to those it decodes in C."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pomona.imaging.errors import ImageError
from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.limits import Limits

SPACE = rb"(?:\s|#[^\r\n]*[\r\n])"
HEADER = re.compile(rb"P([1-6])" + SPACE + rb"+(\d{1,9})" + SPACE + rb"+(\d{1,9})(?:" + SPACE + rb"+(\d{1,5}))?\s")
BITMAP = re.compile(rb"P([14])" + SPACE + rb"+(\d{1,9})" + SPACE + rb"+(\d{1,9})\s")
COMMENT = re.compile(rb"#[^\r\n]*")
LINES_BYTES = 2**18
TEXT_BYTES = 16 * 2**20  # parsing takes a second; photographs are not kept in this form


@dataclass(frozen=True)
class Header:
    """The header; `data` is the offset of the samples, `largest` the sample value of white."""

    kind: int
    width: int
    height: int
    largest: int
    data: int

    @property
    def bands(self) -> int:
        return 3 if self.kind in (3, 6) else 1


def sanitize_netpbm(body: bytes, limits: Limits) -> DecoderInput:
    """Return the image in binary form with samples of 8 bits or, if it is grey and has more, of 16.

    Raises:
        ImageError: the image is above a limit.
    """
    header = _header(body)
    if header is None:
        return DecoderInput(body)  # a PFM, or what Pillow refuses
    limits.check_pixels(header.width, header.height)
    if header.kind <= 3:
        return DecoderInput(_from_text(body, header))
    if header.kind == 4 or header.largest == 255 or (header.kind == 5 and header.largest == 65535):
        return DecoderInput(body)
    return DecoderInput(_binary(_samples(body, header), header))


def _header(body: bytes) -> Header | None:
    match = (BITMAP if body[1:2] in b"14" else HEADER).match(body)
    if not match:
        return None
    largest = int(match[4]) if match.lastindex == 4 else 1
    return Header(int(match[1]), int(match[2]), int(match[3]), largest, match.end()) if largest else None


def _from_text(body: bytes, header: Header) -> bytes:
    if len(body) > TEXT_BYTES:
        raise ImageError("a PPM written as text is not supported above 16 MB: save it as PNG")
    text = b"".join(COMMENT.sub(b" ", lines) for lines in _lines(body, header.data))
    if header.kind == 1:  # its digits need no space between them, and 1 is black
        return _binary(np.frombuffer(b"".join(text.split()), np.uint8) == ord("0"), header)
    samples = np.fromstring(text, np.int64, sep=" ")
    return _binary(samples.clip(0, header.largest).astype(np.uint16), header)


def _lines(body: bytes, start: int) -> Iterator[bytes]:
    """Yield some whole lines at a time: to find millions of comments at once would take a gigabyte."""
    while start < len(body):
        end = body.find(b"\n", start + LINES_BYTES) + 1 or len(body)
        yield body[start:end]
        start = end


def _samples(body: bytes, header: Header) -> npt.NDArray[Any]:
    kind = np.dtype(np.uint8 if header.largest < 256 else ">u2")
    available = (len(body) - header.data) // kind.itemsize
    count = min(header.width * header.height * header.bands, available)
    return np.frombuffer(body, kind, count=count, offset=header.data)


def _binary(samples: npt.NDArray[Any], header: Header) -> bytes:
    """Return the image with its samples scaled to the full range, by a lookup table of all sample values."""
    full = 65535 if header.bands == 1 and header.largest > 255 else 255
    scaled = np.rint(np.arange(2**16) * (full / header.largest)).clip(0, full)
    table = scaled.astype(">u2" if full > 255 else np.uint8)
    samples = samples[: header.width * header.height * header.bands].astype(np.uint16)
    start = b"P%d %d %d %d\n" % (6 if header.bands == 3 else 5, header.width, header.height, full)
    return start + bytes(table[samples].data)
