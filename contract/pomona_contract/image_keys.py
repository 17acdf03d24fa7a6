"""Which keys S3 can have, and which names say that an object is not an image."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from urllib.parse import quote, unquote

from pomona_contract.lake_layout import file_name

MAX_KEY_BYTES = 1024


def is_possible_key(key: str) -> bool:
    """Return True if S3 can have an object of this key: UTF-8 of 1 to 1,024 bytes."""
    try:
        return 0 < len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape
        return False


@dataclass(frozen=True)
class IgnoredNames:
    """Names that no image has: what desktops and sync tools leave beside images.

    `patterns` are shell patterns (`*`, `?`, `[...]`) for the last part of a key; upper and lower case are the same.
    """

    patterns: tuple[str, ...] = ()

    def matches(self, key: str) -> bool:
        """Return True if the last part of the key matches a pattern."""
        return self._expression is not None and bool(self._expression.match(file_name(key)))

    @cached_property
    def _expression(self) -> re.Pattern[str] | None:
        """None without patterns: an empty expression would match every name."""
        if not self.patterns:
            return None
        return re.compile("|".join(map(translate, self.patterns)), re.IGNORECASE)


NOTHING_IGNORED = IgnoredNames()


def encode_patterns(patterns: Iterable[str]) -> str:
    """Return patterns as one argument of a job, which no shell expands and argparse does not take for an option."""
    return ",".join(quote(pattern, safe="").replace("~", "%7E").replace("-", "%2D") for pattern in patterns)


def decode_patterns(argument: str) -> tuple[str, ...]:
    """Return the patterns in a job's argument."""
    return tuple(unquote(part) for part in argument.split(","))
