"""Runs of zeros in compressed data: what an interrupted upload or a full disk leaves behind."""

import numpy as np

RUN = 64
ZEROS = bytes(RUN)
STRIDE = 4  # words of eight bytes; a run of zeros covers one of each four


def may_hold_zeros(data: bytes | memoryview) -> bool:
    """Whether `data` may hold a run of RUN zeros; looks at one byte of four, which is faster than to search."""
    return not np.frombuffer(data, np.uint64, count=len(data) // 8)[::STRIDE].all()


def ends_in_zeros(data: bytes) -> bool:
    """Whether compressed data ends in so many zeros that the file must have lost its end.

    An encoder of entropy writes zeros seldom, so a share of the data is asked for besides: an eighth.
    """
    zeros = len(data) - len(data.rstrip(b"\0"))
    return zeros >= max(RUN, len(data) // 8)
