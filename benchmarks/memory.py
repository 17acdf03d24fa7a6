"""The peak memory of a process and all its descendants together, sampled while they run."""

import threading
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

EVERY_SECONDS = 1.0  # a look costs some milliseconds of a core


class PeakMemory:
    """Samples the sum of the proportional set sizes (shared pages count once) until the block ends."""

    def __init__(self, pid: int, every_seconds: float = EVERY_SECONDS) -> None:
        self._root = psutil.Process(pid)
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, _total(self._root))
            if self._ended.wait(self._every_seconds):
                return


def _total(root: psutil.Process) -> int:
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(_one, processes))


def _one(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
        return 0
