"""The documents of erasures, `erasures/open/<id>.json` in the lake; in `erasures/final/` when they are final."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pomona_cli.stack import Stack
from pomona_cli.terminal import counted
from pomona_intake.queue.documents import read_document

OPEN, FINAL = "erasures/open/", "erasures/final/"
FORMAT = 1
_READS_AT_ONCE = 8


@dataclass(frozen=True)
class Erasure:
    """A request to erase keys. The run that finds nothing of them left makes it final."""

    id: str
    requested_at: str  # ISO 8601, UTC: everything that was there before goes; after the last deletion, once it is open
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
        """When it was asked for, however often it was interrupted and repeated."""
        return self.first_requested_at or self.requested_at

    @property
    def name(self) -> str:
        """Where the document lies in the lake."""
        return f"{OPEN if self.is_open else FINAL}{self.id}.json"

    @property
    def subject(self) -> str:
        """What it erases, in words."""
        return counted(len(self.keys), "key") if self.prefix is None else f"the prefix {self.prefix!r}"

    def document(self) -> dict[str, Any]:
        """For `status`: without the keys, which may be many."""
        told = {name: value for name, value in asdict(self).items() if name != "keys"}
        return {**told, "keys": len(self.keys)}

    def to_json(self) -> bytes:
        """The document's content."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, name: str, body: bytes) -> Self:
        """The erasure in a document; FormatError if it cannot be read."""
        return read_document(name, body, (FORMAT,), cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: dict[str, Any]) -> Self:
        document.setdefault("first_requested_at", None)
        return cls(**{field.name: document[field.name] for field in fields(cls)})


def erasures(stack: Stack) -> list[Erasure]:
    """Every erasure that is not final, oldest first."""

    def read(name: str) -> Erasure | None:
        stored = stack.lake.read(name)
        return Erasure.from_json(name, stored.body) if stored else None

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [found for found in pool.map(read, stack.lake.names(OPEN)) if found]
