"""Child processes that never outlive the server, not even one that was killed with -9.

Every child holds the read end of a pipe whose write end only the server has. When the server is gone, however it went,
the pipe ends and the child's own watcher kills its process group.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

_WATCHER = Path(__file__).with_name("watcher.py")
_lifeline, _held_by_the_server = os.pipe()


def lifeline() -> int:
    """The file descriptor to hand to a child that watches it itself."""
    return _lifeline


def start_watched(
    command: list[str], environment: dict[str, str], folder: Path, stdout: IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own that ends with the server."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_WATCHER), str(_lifeline), *command],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=(_lifeline,),
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
