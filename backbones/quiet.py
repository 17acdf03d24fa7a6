"""Keep TensorFlow's own chatter off the terminal, and show that something long is still going on."""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

PROGRESS_SECONDS = 2.0


@contextmanager
def without_chatter() -> Iterator[None]:
    """Discard what the block prints, from C++ to standard error too; exceptions pass."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it once, at its import
    sys.stderr.flush()
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Print `doing`, then a dot every two seconds until the block ends."""
    out, done = sys.stdout, threading.Event()

    def tick() -> None:
        while not done.wait(PROGRESS_SECONDS):
            print(".", end="", file=out, flush=True)

    print(doing, end=" ", file=out, flush=True)
    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()
        print(file=out, flush=True)
