"""The images most like a given one: exact search by cosine over the projections, as 16-bit floats in memory.

NumPy is all this needs. The file `neighbours.npz` of a refit holds the vectors, the keys and the labels of up to
MOST_VECTORS images: 100 MB for 500,000 images with 100 components.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

FORMAT, READABLE = 2, (1, 2)
MOST_VECTORS = 500_000
MOST_COMPONENTS = 100
ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Neighbour:
    """An image of the table; similarity is the cosine of the two projections, 1 for the same picture."""

    key: str
    label: str | None
    similarity: float


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The vectors of the table's images, ready to be searched.

    vectors  [n, k] float16 or float32, each of length 1
    keys     the n keys as UTF-8, one after the other; `ends` [n] says where each ends
    codes    [n] which of `labels`; -1 for none
    """

    vectors: NDArray[np.floating]
    keys: NDArray[np.uint8]
    ends: NDArray[np.int64]
    codes: NDArray[np.int32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.vectors)

    def widened(self) -> "Neighbours":
        """Return the same with float32 vectors: twice the memory, and a search that need not convert them.

        The processor multiplies no float16, so each search of float16 vectors converts all of them.
        """
        return replace(self, vectors=self.vectors.astype(np.float32))

    def key(self, row: int) -> str:
        """Return the key of an image."""
        begin = int(self.ends[row - 1]) if row else 0
        return self.keys[begin : int(self.ends[row])].tobytes().decode("utf-8", "surrogatepass")

    def row(self, key: str) -> int | None:
        """Return the row of a key; None if it is not among the images. O(bytes of all keys)."""
        wanted, content, start = key.encode("utf-8", "surrogatepass"), self.keys.tobytes(), 0
        begins = np.concatenate([[0], self.ends[:-1]])
        while (place := content.find(wanted, start)) >= 0:
            row = int(np.searchsorted(self.ends, place, side="right"))
            if row < len(self) and begins[row] == place and self.ends[row] == place + len(wanted):
                return row
            start = place + 1
        return None

    def nearest(self, projected: NDArray[np.floating], count: int) -> list[Neighbour]:
        """Return the `count` images most like the projection [components], the most similar first.

        Exact: every vector is compared, O(n k), in blocks of ROWS_AT_ONCE.
        """
        wanted = unit(projected[None, : self.vectors.shape[1]])[0]
        found = [block.astype(np.float32, copy=False) @ wanted for block in _blocks(self.vectors)]
        similarity = np.concatenate(found or [np.empty(0, np.float32)])
        count = min(count, len(similarity))
        best = np.argpartition(-similarity, count - 1)[:count] if count else np.empty(0, int)
        ordered = best[np.lexsort((best, -similarity[best]))]
        return [self._neighbour(int(row), float(similarity[row])) for row in ordered]

    def _neighbour(self, row: int, similarity: float) -> Neighbour:
        code = int(self.codes[row])
        return Neighbour(self.key(row), self.labels[code] if code >= 0 else None, min(similarity, 1.0))


@dataclass
class NeighboursBuilder:
    """Collects the rows of a refit's projections for `neighbours.npz`."""

    _vectors: list[NDArray[np.float16]] = field(default_factory=list)
    _keys: list[bytes] = field(default_factory=list)
    _labels: list[str | None] = field(default_factory=list)

    def add(self, keys: Sequence[str], labels: Sequence[str | None], projected: NDArray[np.floating]) -> None:
        """Take in rows with their projections [n, components], of which the first MOST_COMPONENTS are kept."""
        self._vectors.append(unit(projected[:, :MOST_COMPONENTS]).astype(np.float16))
        self._keys += map(_encoded, keys)
        self._labels += labels

    def finish(self) -> Neighbours:
        """Return what was collected."""
        names = tuple(sorted({label for label in self._labels if label is not None}))
        number = {name: code for code, name in enumerate(names)}
        keys, ends = _joined(self._keys)
        return Neighbours(
            vectors=np.concatenate(self._vectors) if self._vectors else np.empty((0, 0), np.float16),
            keys=keys,
            ends=ends,
            codes=np.array([-1 if label is None else number[label] for label in self._labels], np.int32),
            labels=names,
        )


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the rows [n, k] at length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def neighbours_bytes(neighbours: Neighbours) -> bytes:
    """Return the content of `neighbours.npz`."""
    content = io.BytesIO()
    arrays = {name: getattr(neighbours, name) for name in ("vectors", "keys", "ends", "codes")}
    labels, label_ends = _joined([_encoded(label) for label in neighbours.labels])
    np.savez(content, format=FORMAT, labels=labels, label_ends=label_ends, **arrays)
    return content.getvalue()


def load_neighbours(source: str | Path | BinaryIO) -> Neighbours:
    """Read `neighbours.npz`; raises ValueError for a file of another format."""
    with np.load(source, allow_pickle=False) as content:
        version = int(content["format"]) if "format" in content else None
        if version not in READABLE:
            raise ValueError(f"{source} does not hold neighbours of format {FORMAT}: another version wrote it")
        arrays = {name: content[name] for name in ("vectors", "keys", "ends", "codes")}
        if version == 1:  # NumPy's strings, each as long as the longest
            return Neighbours(**arrays, labels=tuple(str(label) for label in content["labels"]))
        return Neighbours(**arrays, labels=tuple(_split(content["labels"], content["label_ends"])))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _joined(texts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return texts one after the other, and where each ends: a long one makes no other longer."""
    return np.frombuffer(b"".join(texts), np.uint8), np.cumsum([len(text) for text in texts], dtype=np.int64)


def _split(content: NDArray[np.uint8], ends: NDArray[np.int64]) -> Iterator[str]:
    whole, begin = content.tobytes(), 0
    for end in ends.tolist():
        yield whole[begin:end].decode("utf-8", "surrogatepass")
        begin = end


def _blocks(vectors: NDArray[np.floating]) -> Iterator[NDArray[np.floating]]:
    return (vectors[first : first + ROWS_AT_ONCE] for first in range(0, len(vectors), ROWS_AT_ONCE))
