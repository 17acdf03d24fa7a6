"""Bounds on what decoding one image may take. The kernel enforces them: a native decoder that hangs runs no Python."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DECODE_SECONDS = 20.0
DECODE_MEGABYTES = 768
"""A worker that takes this much for one image stays below a gigabyte."""
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
def growth_bounded(kind: int, growth: int) -> Iterator[None]:
    """Let this process take at most `growth` bytes more than it has now, as long as the block runs.

    Beyond that an allocation fails: MemoryError, or whatever a native decoder makes of it.

    Args:
        kind: RLIMIT_AS, the whole address space, or RLIMIT_DATA, the writable private part of it. A process with many
            threads reserves address space that it never uses: it is bounded by RLIMIT_DATA.
        growth: in bytes.
    """
    soft, hard = resource.getrlimit(kind)
    wanted = _bytes_of_this_process(_STATUS[kind]) + growth
    resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def _bytes_of_this_process(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        field, _, value = line.partition(":")
        if field == name:
            return int(value.split()[0]) * 1024
    raise OSError(f"/proc/self/status has no {name}")
