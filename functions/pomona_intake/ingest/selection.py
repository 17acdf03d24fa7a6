"""Which keys of the images bucket are images: those with a prefix and a suffix, and no ignored name."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Self

from pomona_intake.errors import TerminalError


class SelectionError(TerminalError):
    """Prefixes or suffixes that no notification can have."""


def listed(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list without the spaces around them; none for an empty text."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class Selection:
    """No prefix: every prefix. No suffix: every suffix. No ignored name: every name."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    ignored_names: tuple[str, ...] = ()
    """Shell patterns (`*`, `?`, `[...]`) for the last part of a key, in upper or lower case alike."""

    @classmethod
    def parse(cls, prefixes: str, suffixes: str) -> Self:
        """From two comma-separated lists; SelectionError if two entries overlap, which S3 would refuse."""
        selection = cls(listed(prefixes), listed(suffixes))
        _refuse_overlap("ImagesPrefixes", selection.prefixes, str.startswith)
        _refuse_overlap("ImagesSuffixes", selection.suffixes, str.endswith)
        return selection

    def takes(self, key: str) -> bool:
        """Whether the key is one of an image."""
        has_affixes = key.startswith(self.prefixes or ("",)) and key.endswith(self.suffixes or ("",))
        return has_affixes and not self.ignores(key)

    def ignores(self, key: str) -> bool:
        """Whether the key's name, which is what follows its last slash, is one that no image has.

        The job has the same rule (`pomona.featurize.ignored_names`): rows of such keys go.
        """
        return self._ignored is not None and bool(self._ignored.match(key.rpartition("/")[2]))

    @cached_property
    def _ignored(self) -> re.Pattern[str] | None:
        """None without names: an empty expression would match every key."""
        if not self.ignored_names:
            return None
        return re.compile("|".join(map(translate, self.ignored_names)), re.IGNORECASE)

    def pairs(self) -> list[tuple[str, str]]:
        """Each prefix with each suffix: what S3 takes in one filter."""
        return [(prefix, suffix) for prefix in self.prefixes or ("",) for suffix in self.suffixes or ("",)]


def _refuse_overlap(parameter: str, parts: tuple[str, ...], within: Callable[[str, str], bool]) -> None:
    for number, part in enumerate(parts):
        for other in parts[:number]:
            if within(part, other) or within(other, part):
                raise SelectionError(f"{parameter} holds {other!r} and {part!r}, which overlap: keep the wider one")
