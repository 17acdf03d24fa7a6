"""Runs of zeros in compressed data: what an interrupted upload or a full disk leaves behind."""

import numpy as np

RUN = 64
ZEROS = bytes(RUN)
STRIDE = 4  # words of eight bytes; a run of zeros covers one of each four


def may_hold_zeros(data: bytes | memoryview) -> bool:
    """Return False if `data` holds no run of RUN zeros. Reads one word of four, which is faster than a search."""
    return not np.frombuffer(data, np.uint64, count=len(data) // 8)[::STRIDE].all()


def ends_in_zeros(data: bytes) -> bool:
    """Return True if compressed data ends in so many zeros that the file must have lost its end: RUN, and an eighth.

    An entropy coder seldom writes zeros, so no whole file ends like this.
    """
    zeros = len(data) - len(data.rstrip(b"\0"))
    return zeros >= max(RUN, len(data) // 8)
