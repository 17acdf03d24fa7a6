"""The part of a GIF's bytes that its first frame depends on."""

SCREEN_BYTES, GRAPHIC_CONTROL = 13, 0xF9
EXTENSION, IMAGE = 0x21, 0x2C


def checked_gif(body: bytes) -> bytes:
    """Return the GIF without the extensions before its first frame but its control: Pillow keeps all of them."""
    start = SCREEN_BYTES + (3 << (body[10] & 7) + 1 if body[10] & 0x80 else 0)
    position, control = start, b""
    while body[position : position + 1] == bytes((EXTENSION,)):
        end = _end_of_blocks(body, position + 2)
        if body[position + 1 : position + 2] == bytes((GRAPHIC_CONTROL,)):
            control = body[position:end]
        position = end
    if body[position : position + 1] != bytes((IMAGE,)):
        return body  # Pillow says what is wrong
    return body if position - start <= len(control) else body[:start] + control + body[position:]


def _end_of_blocks(body: bytes, position: int) -> int:
    """Where the blocks that begin at `position` end: each has its length before it, the last one has none."""
    end = len(body)
    while position < end and (length := body[position]):
        position += length + 1
    return position + 1
