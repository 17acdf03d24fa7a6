"""Erasure requests in the lake: `erasures/open/<id>.json`, and `erasures/final/<id>.json` when they are final."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pomona_cli.output.text import plural
from pomona_cli.stack.stack import Stack
from pomona_intake.queue.documents import read_document

OPEN, FINAL = "erasures/open/", "erasures/final/"
FORMAT = 1
_READS_AT_ONCE = 8


@dataclass(frozen=True)
class ErasureRequest:
    """A request to erase keys. The run that finds no row of them left makes it final."""

    id: str
    requested_at: str  # ISO 8601, UTC: rows of older objects are removed; once open, when the last object was deleted
    bucket: str
    prefix: str | None
    keys: Sequence[str]
    state: str = "open"  # deleting, while objects are still being deleted; open; final
    final_at: str | None = None  # ISO 8601, UTC
    first_requested_at: str | None = None  # ISO 8601, UTC: before any deletion; older documents have none

    @property
    def is_open(self) -> bool:
        return self.state != "final"

    @property
    def open_since(self) -> str:
        """When it was first requested, also if it was interrupted and repeated."""
        return self.first_requested_at or self.requested_at

    @property
    def name(self) -> str:
        """The key of the document in the lake."""
        return f"{OPEN if self.is_open else FINAL}{self.id}.json"

    @property
    def subject(self) -> str:
        """What it erases, in words."""
        return plural(len(self.keys), "key") if self.prefix is None else f"the prefix {self.prefix!r}"

    def summary(self) -> dict[str, Any]:
        """Return the fields for --json, with the number of keys in place of the keys, which may be many."""
        return {**asdict(self), "keys": len(self.keys)}

    def to_json(self) -> bytes:
        """Return the content of the document."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """Return the request in a document; FormatError if it cannot be read."""
        return read_document(name, body, (FORMAT,), cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: dict[str, Any]) -> Self:
        document.setdefault("first_requested_at", None)
        return cls(**{field.name: document[field.name] for field in fields(cls)})


def open_requests(stack: Stack) -> list[ErasureRequest]:
    """Return every request that is not final, the oldest first."""

    def read(name: str) -> ErasureRequest | None:
        stored = stack.lake.read(name)
        return ErasureRequest.from_json(name, stored.body) if stored else None

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [found for found in pool.map(read, stack.lake.names(OPEN)) if found]
