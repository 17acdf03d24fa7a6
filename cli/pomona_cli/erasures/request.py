"""Erasures in the lake, as the command line reads and describes them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from pomona_cli.output.text import plural
from pomona_cli.stack.stack import Stack
from pomona_contract.documents.erasure import Erasure
from pomona_contract.lake_layout import OPEN_ERASURES

_READS_AT_ONCE = 8


def unfinished_erasures(stack: Stack) -> list[Erasure]:
    """Return every erasure below `erasures/open/`, the oldest first: objects are being deleted or rows are left."""

    def read(name: str) -> Erasure | None:
        stored = stack.lake.read(name)
        return Erasure.from_json(name, stored.body) if stored else None

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [found for found in pool.map(read, stack.lake.names(OPEN_ERASURES)) if found]


def scope_text(erasure: Erasure) -> str:
    """Return what an erasure erases, in words."""
    return plural(len(erasure.keys), "key") if erasure.prefix is None else f"the prefix {erasure.prefix!r}"


def erasure_summary(erasure: Erasure) -> dict[str, Any]:
    """Return the fields for --json, with the number of keys in place of the keys, which may be many."""
    return {**asdict(erasure), "keys": len(erasure.keys)}
