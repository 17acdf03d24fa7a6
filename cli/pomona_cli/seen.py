"""Which of millions of keys have been seen: eight bytes for each instead of the key."""

import hashlib
import secrets
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


class SeenKeys:
    """A set of keys as their salted 64-bit digests.

    A key that was never added is taken for one that was with probability n / 2**64. The salt is another one each time,
    so that a repetition would find what a first run did not.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._parts: list[npt.NDArray[np.uint64]] = []
        self._sorted: npt.NDArray[np.uint64] | None = None

    def add(self, keys: Iterable[str]) -> None:
        """Take in some keys."""
        self._parts.append(self._digests(keys))
        self._sorted = None

    def new(self, keys: list[str]) -> list[str]:
        """Those of the keys that were never added."""
        known = self._ordered()
        digests = self._digests(keys)
        at = np.searchsorted(known, digests)
        found = (at < len(known)) & (known[np.minimum(at, len(known) - 1)] == digests) if len(known) else at < 0
        return [key for key, is_known in zip(keys, found, strict=True) if not is_known]

    def _ordered(self) -> npt.NDArray[np.uint64]:
        if self._sorted is None:
            joined = np.concatenate(self._parts) if self._parts else np.empty(0, np.uint64)
            joined.sort()
            self._sorted, self._parts = joined, [joined]
        return self._sorted

    def _digests(self, keys: Iterable[str]) -> npt.NDArray[np.uint64]:
        joined = b"".join(
            hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=self._salt).digest()
            for key in keys
        )
        return np.frombuffer(joined, np.uint64).copy()
