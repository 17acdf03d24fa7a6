"""What a decoder is given of an image file."""

from typing import NamedTuple


class DecoderInput(NamedTuple):
    """What a decoder is given."""

    body: bytes
    decoder_bytes: int = 0
    """The memory that the decoder needs beside `body` and the image."""
    at_once: bool = False
    """True if the decoder must have all bytes before it begins. Others get them in parts."""
