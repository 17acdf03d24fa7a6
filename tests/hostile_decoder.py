"""A decoder that does to its process what a broken native one may do: for the tests of careful mode.

Copied as `sitecustomize.py` into a folder of PYTHONPATH, it is in every Python process of a run. A PPM whose last
pixels are one of the markers then has the effect, the n-th time as the first.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from PIL import PpmImagePlugin

CRASH = b"!crash"
HANG = b"!hang."
GROW = b"!grow."
ABORT = b"!abort"
KILL = b"!kill."
"""As the kernel kills a container whose memory is exhausted: the executor, or only the child of careful mode."""
KILL_TWICE = b"!twice"
"""As the kernel kills a process that happens to be the largest. The deaths are counted in the file DEATHS names."""
DEATHS = "DEATHS_OF_HOSTILE_DECODER"
KEEP = b"!keep."
KEPT_BYTES = 40 * 2**20
_kept: list[bytearray] = []
_load = PpmImagePlugin.PpmImageFile.load


def hostile(marker: bytes) -> bytes:
    """Return a PPM of two pixels with this effect."""
    return b"P6 2 1 255\n" + marker


def load(self: PpmImagePlugin.PpmImageFile) -> object:
    """Have the effect, or else decode."""
    if self.fp is not None:
        position = self.fp.tell()
        self.fp.seek(-6, 2)
        _act(self.fp.read())
        self.fp.seek(position)
    return _load(self)


def _act(marker: bytes) -> None:
    libc = ctypes.PyDLL(None)  # its calls keep the interpreter's lock
    if marker == CRASH:
        libc.memset(None, 1, 1)
    elif marker == HANG:
        while True:
            libc.pause()
    elif marker == GROW:
        taken = []
        while True:
            taken.append(bytearray(b"\1") * 2**24)
    elif marker == ABORT:
        libc.abort()
    elif marker == KILL:
        os.kill(os.getpid() if _is_child() else _parent(os.getppid()), signal.SIGKILL)
        libc.pause()
    elif marker == KILL_TWICE:
        deaths = Path(os.environ[DEATHS])
        before = deaths.read_bytes() if deaths.exists() else b""
        if len(before) < 2:
            deaths.write_bytes(before + b".")
            os.kill(os.getpid(), signal.SIGKILL)
    elif marker == KEEP:
        _kept.append(bytearray(b"\1") * KEPT_BYTES)


def _is_child() -> bool:
    """Whether this is the child process of careful mode. A worker's parent is the daemon, whose parent is the JVM."""
    main = sys.modules["__main__"].__spec__
    return main is not None and main.name == "pomona.imaging.careful.process"


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


PpmImagePlugin.PpmImageFile.load = load
