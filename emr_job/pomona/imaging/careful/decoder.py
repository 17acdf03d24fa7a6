"""Careful mode: each image is decoded in a child process, whose death makes that image an error row and no more.

A new process is started instead of a fork: a worker has the threads of obstore, and a fork of it their locks.
"""

import json
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import numpy as np

from pomona.errors import JobError
from pomona.imaging.careful.process import OUT_OF_MEMORY, READY
from pomona.imaging.errors import ImageError
from pomona.imaging.preparation import Preparation, PreparedImage

_ANSWER_BYTES = 64 * 1024
_SECONDS_TO_END = 10


class CarefulDecoder:
    """Decodes one image after the other in a child process, which is started again after it died."""

    def __init__(self, wanted: Preparation) -> None:
        self._wanted = wanted
        self._child: _Child | None = None

    def prepare(self, body: bytes) -> PreparedImage:
        """Return what `preparing.prepare` returns. ImageError also if the child died of this image."""
        child = self._child or _Child(self._wanted)
        self._child = child
        try:
            return child.prepare(body)
        except _ChildDiedError as death:
            self.close()
            if child.has_answered and not death.is_timeout:
                return self.prepare(body)  # an earlier image may have damaged or filled the child's memory
            raise ImageError(f"cannot be decoded: its decoder {death}") from None

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.close()
            self._child = None


class _ChildDiedError(Exception):
    """The text says what of, for whoever uploaded the image."""

    def __init__(self, status: int, wanted: Preparation) -> None:
        self.is_timeout = status == -signal.SIGALRM
        super().__init__(_told(status, wanted))


class _Child:
    """One child process. JobError if it does not even start: that is no image's fault."""

    def __init__(self, wanted: Preparation) -> None:
        self.has_answered = False
        self._wanted = wanted
        self._connection, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-P", "-m", "pomona.imaging.careful.process"]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), wanted.to_json()],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        try:
            self._connection.recv_bytes(len(READY))
        except (EOFError, OSError):
            raise JobError(f"the process that decodes images did not start: exit status {self._ended()}") from None

    def prepare(self, body: bytes) -> PreparedImage:
        try:
            self._connection.send_bytes(body)
            answer = json.loads(self._connection.recv_bytes(_ANSWER_BYTES))
            pixels = b"" if "error" in answer else self._connection.recv_bytes(self._pixel_bytes)
        except (EOFError, OSError):
            raise _ChildDiedError(self._ended(), self._wanted) from None
        self.has_answered = True
        if "error" in answer:
            raise ImageError(answer["error"])
        shape = (self._wanted.height, self._wanted.width, 3)
        return PreparedImage(np.frombuffer(pixels, np.uint8).reshape(shape), answer["width"], answer["height"])

    def close(self) -> None:
        self._connection.close()  # it ends when it has nothing more to read
        self._ended()

    @property
    def _pixel_bytes(self) -> int:
        return self._wanted.height * self._wanted.width * 3

    def _ended(self) -> int:
        try:
            return self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _environment() -> dict[str, str]:
    """Return this process's environment and import path, but no credentials: a decoder of hostile bytes needs none."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return inherited | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def _told(status: int, wanted: Preparation) -> str:
    if status == -signal.SIGALRM:
        return f"took longer than {wanted.seconds:g} s"
    if status == OUT_OF_MEMORY:
        return f"needed more than {wanted.memory_bytes // 2**20:,} MB"
    return f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with exit status {status}"
