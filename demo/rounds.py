"""The demo's two rounds of a folder: after the first, the bucket differs a little from the folder; the second fixes it.

The second round changes, adds and deletes images, which is everything that can happen to a bucket.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# of twenty files the first round omits one, alters one, and adds an object that the second round deletes
PERIOD = 20
FOREIGN = "pomona-demo-deleted"
LONGEST_KEY_BYTES = 1024


@dataclass(frozen=True)
class Put:
    """An object to upload, with the bytes of `source`, which may be another file than that of the key."""

    key: str
    source: Path


@dataclass(frozen=True)
class Rounds:
    first: tuple[Put, ...]
    second: tuple[Put, ...]
    deleted: tuple[str, ...]


def files_below(folder: Path) -> list[Put]:
    """Return every file of the folder, at any depth, whose relative path is a valid key."""
    return [put for put in _all_below(folder) if can_be_key(put.key)]


def left_out_below(folder: Path) -> list[str]:
    """Return the other files' paths, in ASCII."""
    return [ascii(put.key) for put in _all_below(folder) if not can_be_key(put.key)]


def _all_below(folder: Path) -> list[Put]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [Put(path.relative_to(folder).as_posix(), path) for path in sorted(found)]


def can_be_key(name: str) -> bool:
    """Return True for a valid key of S3: UTF-8, which a file name need not be, of at most 1,024 bytes."""
    try:
        return len(name.encode()) <= LONGEST_KEY_BYTES
    except UnicodeEncodeError:
        return False


def plan(files: list[Put]) -> Rounds:
    left_out = {put.key for put in files[1::PERIOD]}
    altered = {put.key for put in files[::PERIOD]}
    foreign = [Put(f"{FOREIGN}/{number}{put.source.suffix}", put.source) for number, put in enumerate(files[::PERIOD])]
    first = [_other_image(put, files) if put.key in altered else put for put in files if put.key not in left_out]
    second = [put for put in files if put.key in left_out | altered]
    return Rounds((*first, *foreign), tuple(second), tuple(put.key for put in foreign))


def _other_image(put: Put, files: list[Put]) -> Put:
    content = _digest(put.source)
    other = next((candidate for candidate in reversed(files) if _digest(candidate.source) != content), None)
    return Put(put.key, other.source if other else Path(__file__))


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def upload(s3: Any, bucket: str, puts: Iterable[Put]) -> Iterator[str]:
    """Upload objects in parallel; yield each key when it is uploaded."""

    def one(put: Put) -> str:
        s3.put_object(Bucket=bucket, Key=put.key, Body=put.source.read_bytes())
        return put.key

    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(one, puts)


def delete(s3: Any, bucket: str, keys: Iterable[str]) -> None:
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
