"""Child processes that end with the server, even if it is killed with SIGKILL.

Every child holds the read end of a pipe, and only the server holds the write end. When the server ends in any way, the
pipe is closed, and the child's watcher kills its process group.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

_WATCHER = Path(__file__).with_name("watcher.py")
_lifeline, _write_end = os.pipe()


def lifeline() -> int:
    """Return the read end of the pipe, for a child that watches it itself."""
    return _lifeline


def start_watched(
    command: list[str], environment: dict[str, str], folder: Path, stdout: IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a command in its own process group, which ends with the server."""
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
