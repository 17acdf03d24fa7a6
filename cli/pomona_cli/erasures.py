"""Read the erasures that are not final."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from pomona_cli.stack import Stack
from pomona_cli.terminal import counted
from pomona_contract.documents.erasure import Erasure
from pomona_contract.lake_layout import OPEN_ERASURES

_READS_AT_ONCE = 8


def erasures(stack: Stack) -> list[Erasure]:
    """Return every erasure that is not final, oldest first."""

    def read(name: str) -> Erasure | None:
        stored = stack.lake.read(name)
        return Erasure.from_json(name, stored.body) if stored else None

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [found for found in pool.map(read, stack.lake.names(OPEN_ERASURES)) if found]


def erased(erasure: Erasure) -> str:
    """Return what an erasure erases, in words."""
    return counted(len(erasure.keys), "key") if erasure.prefix is None else f"the prefix {erasure.prefix!r}"


def erasure_summary(erasure: Erasure) -> dict[str, Any]:
    """Return what `--json` shows: the erasure without its keys, which may be many."""
    return {**asdict(erasure), "keys": len(erasure.keys)}
