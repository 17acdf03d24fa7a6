"""What a decoder is given of an image file."""

from typing import NamedTuple


class DecoderInput(NamedTuple):
    """The bytes to decode, and the memory in bytes that the decoder needs beside them and the image."""

    body: bytes
    decoder_bytes: int = 0
