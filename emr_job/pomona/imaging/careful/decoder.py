"""Careful mode: each image is preprocessed in a child process, whose death makes that image an error row and no more.

The child is started, not forked: a Spark worker has the threads of obstore, and a fork would inherit their locks.
"""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import numpy as np

from pomona.errors import JobError
from pomona.imaging.careful.process import OUT_OF_MEMORY, READY
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessedImage, PreprocessingSpec

_ANSWER_BYTES = 64 * 1024
_SECONDS_TO_END = 10
MOST_KILLS = 3
"""A decoder does not kill its process with SIGKILL: the kernel does, where a container is out of memory, and it takes
the largest process. So an image is blamed only if this happens again and again, or its batch would never end."""
SECONDS_AFTER_A_KILL = 1.0
"""Before the next child starts: the kernel frees the memory of the one that it killed."""


class CarefulDecoder:
    """Preprocesses one image after the other in a child process. A child that died is replaced by a new one."""

    def __init__(self, spec: PreprocessingSpec) -> None:
        self._spec = spec
        self._child: _Child | None = None

    def preprocess(self, body: bytes) -> PreprocessedImage:
        """Return what `preprocessing.preprocess` returns.

        Raises:
            ImageError: as by `preprocess`, or the child died while it decoded this image.
            JobError: the child did not start.
        """
        kills = 0
        while True:
            child = self._child or _Child(self._spec)
            self._child = child
            try:
                return child.preprocess(body)
            except _ChildDiedError as death:
                self.close()
                kills += death.is_kill
                if not (child.may_be_the_cause(death) or (death.is_kill and kills < MOST_KILLS)):
                    raise ImageError(f"cannot be decoded: its decoder {death}") from None
            if kills:
                time.sleep(SECONDS_AFTER_A_KILL)

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.close()
            self._child = None


class _ChildDiedError(Exception):
    """The child died. The text gives the cause, for whoever uploaded the image."""

    def __init__(self, status: int, limits: Limits) -> None:
        self.is_timeout = status == -signal.SIGALRM
        self.is_kill = status == -signal.SIGKILL
        super().__init__(_cause_of_death(status, limits))


class _Child:
    """One child process.

    Raises:
        JobError: the child did not start: no image is the cause.
    """

    def __init__(self, spec: PreprocessingSpec) -> None:
        self.has_answered = False
        self._spec = spec
        self._connection, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-P", "-m", "pomona.imaging.careful.process"]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), spec.to_json()],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        try:
            self._connection.recv_bytes(len(READY))
        except (EOFError, OSError):
            status = self._wait()
            raise JobError(f"the process that decodes images did not start: exit status {status}") from None

    def preprocess(self, body: bytes) -> PreprocessedImage:
        try:
            self._connection.send_bytes(body)
            answer = json.loads(self._connection.recv_bytes(_ANSWER_BYTES))
            pixels = b"" if "error" in answer else self._connection.recv_bytes(self._pixel_bytes)
        except (EOFError, OSError):
            raise _ChildDiedError(self._wait(), self._spec.limits) from None
        self.has_answered = True
        if "error" in answer:
            raise ImageError(answer["error"])
        shape = (self._spec.height, self._spec.width, 3)
        return PreprocessedImage(np.frombuffer(pixels, np.uint8).reshape(shape), answer["width"], answer["height"])

    def may_be_the_cause(self, death: _ChildDiedError) -> bool:
        """Return True if it need not be this image: an earlier one may have damaged or filled the child's memory."""
        return self.has_answered and not death.is_timeout

    def close(self) -> None:
        self._connection.close()  # the child ends when it has nothing more to read
        self._wait()

    @property
    def _pixel_bytes(self) -> int:
        return self._spec.height * self._spec.width * 3

    def _wait(self) -> int:
        """Wait for the child's end, kill it if that takes too long, and return its exit status."""
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


def _cause_of_death(status: int, limits: Limits) -> str:
    if status == -signal.SIGALRM:
        return f"took longer than {limits.decode_seconds:g} s"
    if status == OUT_OF_MEMORY:
        return f"needed more than {limits.decode_memory_bytes // 2**20:,} MB"
    return f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with exit status {status}"
