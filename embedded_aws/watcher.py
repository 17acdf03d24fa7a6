"""Runs a command and kills its whole process group when the server that asked for it is gone.

watcher.py DESCRIPTOR COMMAND…   (a script of its own: it runs isolated, without site packages)
"""

import os
import signal
import subprocess
import sys
import threading


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Run the command to its end, or to the end of the descriptor."""
    descriptor = int(sys.argv[1])
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    return subprocess.Popen(sys.argv[2:]).wait()


if __name__ == "__main__":
    sys.exit(main())
