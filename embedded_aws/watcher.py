"""Run a command, and kill its whole process group when the server ends.

watcher.py DESCRIPTOR COMMAND…   (run as a script, isolated and without site packages)
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
    """Run the command until it ends or the descriptor is closed."""
    descriptor = int(sys.argv[1])
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    return subprocess.Popen(sys.argv[2:]).wait()


if __name__ == "__main__":
    sys.exit(main())
