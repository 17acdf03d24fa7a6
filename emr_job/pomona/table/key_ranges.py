"""Ranges of a run's keys, by which whole data files are skipped."""

import math
from collections.abc import Collection

KEY_RANGES = 64
"""Number of ranges that a run's keys are grouped into to skip files; more ranges would skip few more files."""


def key_ranges(keys: Collection[str], most: int) -> list[tuple[str, str]]:
    """Return at most `most` ranges, each a first and a last key, that together cover all keys and are equally full."""
    ordered = sorted(keys)
    chunk = max(math.ceil(len(ordered) / most), 1)
    return [(some[0], some[-1]) for some in (ordered[at : at + chunk] for at in range(0, len(ordered), chunk))]
