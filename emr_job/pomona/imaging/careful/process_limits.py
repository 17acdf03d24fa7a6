"""Limits of time and memory for a block. The kernel enforces them: a native decoder that hangs runs no Python."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = {resource.RLIMIT_AS: "VmSize", resource.RLIMIT_DATA: "VmData"}


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    """Have the kernel end this process with SIGALRM if the block takes longer. Costs two system calls."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def limited_growth(kind: int, growth: int) -> Iterator[None]:
    """Let this process take at most `growth` bytes more than it has now, as long as the block runs.

    Beyond that an allocation fails with MemoryError, or with whatever a native decoder makes of it.

    Args:
        kind: RLIMIT_AS, the whole address space, or RLIMIT_DATA, its writable private part. Use RLIMIT_DATA for a
            process with many threads, which reserves address space that it never uses.
        growth: in bytes.
    """
    soft, hard = resource.getrlimit(kind)
    limit = _memory_of_this_process(_STATUS[kind]) + growth
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def _memory_of_this_process(name: str) -> int:
    """Return the field `name` of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        field, _, value = line.partition(":")
        if field == name:
            return int(value.split()[0]) * 1024
    raise OSError(f"/proc/self/status has no {name}")
