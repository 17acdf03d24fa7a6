"""The process in which careful mode decodes images: `python -m pomona.imaging.careful.process SOCKET PREPARATION`.

It imports Pillow and NumPy alone, so its memory is small and its own, and what a decoder does to it harms nobody.
It answers a message (the bytes of an image file) with a document, and if that names no error with a second message,
the pixels. If an image takes too long the kernel ends it with SIGALRM, and if it takes too much memory it ends with
OUT_OF_MEMORY: the exit status says what happened.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from pomona.imaging.careful.process_limits import growth_bounded, killed_after
from pomona.imaging.errors import ImageError
from pomona.imaging.preparation import Preparation, prepare

OUT_OF_MEMORY = 77
READY = b"ready"


def serve(connection: "Connection[bytes, bytes]", wanted: Preparation) -> None:
    """Answer until the other side closes the connection."""
    connection.send_bytes(READY)
    with suppress(EOFError):
        while True:
            _answer(connection, connection.recv_bytes(), wanted)


def _answer(connection: "Connection[bytes, bytes]", body: bytes, wanted: Preparation) -> None:
    try:
        with killed_after(wanted.seconds):
            prepared = prepare(body, wanted)
    except ImageError as error:
        connection.send_bytes(json.dumps({"error": str(error)}).encode())
        return
    connection.send_bytes(json.dumps({"width": prepared.width, "height": prepared.height}).encode())
    connection.send_bytes(prepared.pixels.tobytes())


def main(socket: str, preparation: str) -> None:
    """Serve the connection with that number."""
    wanted = Preparation.from_json(preparation)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected, and its core is large
    try:
        with growth_bounded(resource.RLIMIT_AS, wanted.memory_bytes):
            serve(Connection(int(socket)), wanted)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: there may be no memory for an orderly end


if __name__ == "__main__":
    main(*sys.argv[1:])
