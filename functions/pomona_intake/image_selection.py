"""Which keys of the images bucket are images: those with a prefix and a suffix, and without an ignored name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from pomona_contract.errors import TerminalError
from pomona_contract.image_keys import NOTHING_IGNORED, IgnoredNames


class SelectionError(TerminalError):
    """A bucket notification cannot have these prefixes or suffixes."""


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list without the spaces around them; none for an empty text."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class ImageSelection:
    """The keys that are images. Without prefixes every prefix is one, without suffixes every suffix."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    ignored_names: IgnoredNames = field(default=NOTHING_IGNORED)

    @classmethod
    def parse(cls, prefixes: str, suffixes: str) -> Self:
        """Return the selection of two comma-separated lists.

        Raises:
            SelectionError: two entries overlap, which S3 would refuse.
        """
        selection = cls(split_list(prefixes), split_list(suffixes))
        _refuse_overlap("ImagesPrefixes", selection.prefixes, str.startswith)
        _refuse_overlap("ImagesSuffixes", selection.suffixes, str.endswith)
        return selection

    def takes(self, key: str) -> bool:
        """Return True if the key is the key of an image."""
        has_affixes = key.startswith(self.prefixes or ("",)) and key.endswith(self.suffixes or ("",))
        return has_affixes and not self.ignored_names.matches(key)

    def pairs(self) -> list[tuple[str, str]]:
        """Return each prefix with each suffix: S3 takes one of each in a filter."""
        return [(prefix, suffix) for prefix in self.prefixes or ("",) for suffix in self.suffixes or ("",)]


def _refuse_overlap(parameter: str, parts: tuple[str, ...], within: Callable[[str, str], bool]) -> None:
    for number, part in enumerate(parts):
        for other in parts[:number]:
            if within(part, other) or within(other, part):
                raise SelectionError(f"{parameter} holds {other!r} and {part!r}, which overlap: keep the wider one")
