"""The child process of careful mode: `python -m pomona.imaging.careful.process SOCKET SPECIFICATION`.

It imports Pillow and NumPy alone, so its memory is small, and a decoder that damages it damages nothing else. It
answers each message (the bytes of an image file) with a JSON document and, if that names no error, with a second
message: the pixels. The exit status says why it died: the kernel ends it with SIGALRM if an image takes too long, and
it ends itself with OUT_OF_MEMORY if an image takes too much memory.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from pomona.imaging.careful.process_limits import killed_after, limited_growth
from pomona.imaging.errors import ImageError
from pomona.imaging.preprocessing import PreprocessingSpec, preprocess

OUT_OF_MEMORY = 77
READY = b"ready"


def serve(connection: "Connection[bytes, bytes]", spec: PreprocessingSpec) -> None:
    """Answer messages until the other side closes the connection."""
    connection.send_bytes(READY)
    with suppress(EOFError):
        while True:
            _answer(connection, connection.recv_bytes(), spec)


def _answer(connection: "Connection[bytes, bytes]", body: bytes, spec: PreprocessingSpec) -> None:
    try:
        with killed_after(spec.limits.decode_seconds):
            image = preprocess(body, spec)
    except ImageError as error:
        connection.send_bytes(json.dumps({"error": str(error)}).encode())
        return
    connection.send_bytes(json.dumps({"width": image.width, "height": image.height}).encode())
    connection.send_bytes(image.pixels.tobytes())


def main(socket: str, specification: str) -> None:
    """Serve the connection with this file descriptor; `specification` is a PreprocessingSpec as JSON."""
    spec = PreprocessingSpec.from_json(specification)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected, and its core is large
    try:
        with limited_growth(resource.RLIMIT_AS, spec.limits.decode_memory_bytes):
            serve(Connection(int(socket)), spec)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: there may be no memory for an orderly end


if __name__ == "__main__":
    main(*sys.argv[1:])
