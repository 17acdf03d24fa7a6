"""GIF: keeps what the first frame depends on."""

from pomona.imaging.formats.decoder_input import DecoderInput
from pomona.imaging.limits import Limits

SCREEN_BYTES, GRAPHIC_CONTROL = 13, 0xF9
EXTENSION, IMAGE = 0x21, 0x2C


def sanitize_gif(body: bytes, _: Limits) -> DecoderInput:
    """Return the GIF without the extensions before its first frame, all of which Pillow would keep in memory.

    The last graphic control extension stays: the frame's transparency is in it.
    """
    start = SCREEN_BYTES + (3 << (body[10] & 7) + 1 if body[10] & 0x80 else 0)
    position, control = start, b""
    while body[position : position + 1] == bytes((EXTENSION,)):
        end = _end_of_blocks(body, position + 2)
        if body[position + 1 : position + 2] == bytes((GRAPHIC_CONTROL,)):
            control = body[position:end]
        position = end
    if body[position : position + 1] != bytes((IMAGE,)):
        return DecoderInput(body)  # Pillow says what is wrong
    return DecoderInput(body if position - start <= len(control) else body[:start] + control + body[position:])


def _end_of_blocks(body: bytes, position: int) -> int:
    """Return where the data blocks that begin at `position` end: each starts with its length, the last with 0."""
    end = len(body)
    while position < end and (length := body[position]):
        position += length + 1
    return position + 1
