"""Cross-validation folds that do not flatter: near-copies of an image stay in one fold.

Frames of one object, taken one after the other, are near-copies of each other. Random folds put some of them into the
training set and others into the test set. The accuracy then says how well copies are recognised. So a fold here is a
contiguous range of a label's keys in natural order, and the copies of an image are in its fold.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from pomona.classifier.copies import Copies
from pomona.classifier.natural_order import NaturalKey, natural_key

FOLDS = 5
SAMPLED_KEYS = 100
"""Keys of each label from which its cuts are found: a fold then has 20 ± 4 % of the label's images."""
MOST_SAMPLED_LABELS = 50_000
"""With more labels, as where each image lies in a folder of its own, those with the fewest images are forgotten."""


def stable_hash(text: str) -> int:
    """Return 64 bits that depend on the text alone, in every process and version."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


@dataclass
class KeySample:
    """For each label, how many keys it has and the SAMPLED_KEYS of them with the smallest hashes.

    Samples of disjoint sets of keys add up to the sample of the union, in whatever order they are merged, as long as
    there are no more than MOST_SAMPLED_LABELS labels.
    """

    counts: dict[str, int] = field(default_factory=dict)
    hashed: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, labels: Sequence[str | None], keys: Sequence[str]) -> None:
        """Take in some rows; those without a label have no class."""
        found: dict[str, list[tuple[int, str]]] = {}
        for label, key in zip(labels, keys, strict=True):
            if label is not None:
                found.setdefault(label, []).append((stable_hash(key), key))
        for label, hashed in found.items():
            self._take(label, len(hashed), hashed)

    def merge(self, other: "KeySample") -> None:
        """Take in the sample of other rows."""
        for label, count in other.counts.items():
            self._take(label, count, other.hashed[label])

    def of_labels(self, labels: Iterable[str]) -> "KeySample":
        """Return the sample of these labels alone."""
        return KeySample(
            {label: self.counts[label] for label in labels}, {label: self.hashed[label] for label in labels}
        )

    def _take(self, label: str, count: int, hashed: list[tuple[int, str]]) -> None:
        self.counts[label] = self.counts.get(label, 0) + count
        self.hashed[label] = nsmallest(SAMPLED_KEYS, self.hashed.get(label, []) + hashed)
        if len(self.counts) > MOST_SAMPLED_LABELS:
            # labels that are rare so far: hardly one of them will be a class
            common = sorted(self.counts, key=lambda name: -self.counts[name])[: MOST_SAMPLED_LABELS // 2]
            self.counts = {name: self.counts[name] for name in common}
            self.hashed = {name: self.hashed[name] for name in common}


@dataclass(frozen=True)
class Folds:
    """Which fold an image of which label is in, decided by its key and etag alone."""

    cuts: Mapping[str, tuple[NaturalKey, ...]]
    """For each label, the first keys of its second, third … range."""
    turns: Mapping[str, int]
    """For each label, the fold of its first range. Small labels fill the last ranges: turned, they fill all folds."""
    copies: Copies
    """The contents that more than one image has."""

    @classmethod
    def of(cls, sample: KeySample) -> "Folds":
        """Cut each label's sampled keys into FOLDS ranges of the same size."""
        cuts = {label: _cuts([key for _, key in hashed]) for label, hashed in sample.hashed.items() if hashed}
        return cls(cuts, {label: stable_hash(label) % FOLDS for label in cuts}, Copies.none())

    def with_copies(self, copies: Copies) -> "Folds":
        """Return the same folds, where copies are together."""
        return replace(self, copies=copies)

    def of_rows(self, labels: Sequence[str | None], keys: Sequence[str], etags: Sequence[str]) -> NDArray[np.int8]:
        """Return the folds [n], each from 0 to FOLDS - 1."""
        _, folds = self.ranges(labels, keys)
        return self.copies.folds_of(content_hashes(etags, keys), folds) if len(self.copies.hashes) else folds

    def ranges(self, labels: Sequence[str | None], keys: Sequence[str]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Return in which range of its label's keys each image lies [n], and the range's fold [n].

        An image without a label, or whose label has no cuts, is in a range of its own.
        """
        found = [self._range(label, key) for label, key in zip(labels, keys, strict=True)]
        both = np.array(found, np.int8).reshape(len(found), 2)
        return both[:, 0], both[:, 1]

    def _range(self, label: str | None, key: str) -> tuple[int, int]:
        if label is None or label not in self.cuts:
            number = stable_hash(key) % FOLDS
            return number, number
        number = bisect_right(self.cuts[label], natural_key(key))
        return number, (number + self.turns[label]) % FOLDS


def _cuts(keys: Iterable[str]) -> tuple[NaturalKey, ...]:
    ordered = sorted(map(natural_key, keys))
    return tuple(ordered[number * len(ordered) // FOLDS] for number in range(1, FOLDS))


def content_hashes(etags: Iterable[str | None], keys: Iterable[str]) -> NDArray[np.uint64]:
    """Return 64 bits for the content of each object: of its etag, or of its key if it has none."""
    return np.fromiter((stable_hash(etag or key) for etag, key in zip(etags, keys, strict=True)), np.uint64)
