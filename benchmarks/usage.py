"""What a process and all its descendants use together, sampled while they run: peak memory, and time of the cores."""

import threading
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

EVERY_SECONDS = 1.0  # a look costs some milliseconds of a core


class TreeUsage:
    """Samples a tree of processes until the block ends.

    peak_bytes   largest sum of the proportional set sizes (shared pages count once)
    cpu_seconds  of all processes; what one used after its last sample is missing
    """

    def __init__(self, pid: int, every_seconds: float = EVERY_SECONDS) -> None:
        self._root = psutil.Process(pid)
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu_seconds: dict[psutil.Process, float] = {}
        self.peak_bytes = 0

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu_seconds.values())

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
            self.peak_bytes = max(self.peak_bytes, sum(map(self._sample, _tree(self._root))))
            if self._ended.wait(self._every_seconds):
                return

    def _sample(self, process: psutil.Process) -> int:
        """Note the time of a process, and return its bytes; 0 if it has ended."""
        try:
            times = process.cpu_times()
            self._cpu_seconds[process] = float(times.user + times.system)
            return int(process.memory_full_info().pss)
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            return 0


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
