"""A set of keys that needs eight bytes a key, whatever the key's length."""

import hashlib
import secrets
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


class KeyDigests:
    """A set of keys, stored as salted 64-bit digests.

    A key that was never added is found in a set of n keys with probability n / 2**64. Each set has its own salt, so a
    repeated command finds a key that a collision hid from the first.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._parts: list[npt.NDArray[np.uint64]] = []
        self._sorted: npt.NDArray[np.uint64] | None = None

    def add(self, keys: Iterable[str]) -> None:
        """Add keys to the set."""
        self._parts.append(self._digests(keys))
        self._sorted = None

    def missing(self, keys: list[str]) -> list[str]:
        """Return those of the keys that are not in the set."""
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
