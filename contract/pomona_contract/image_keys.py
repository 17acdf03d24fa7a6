"""Which keys S3 can have, and which names say that an object is not an image."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from urllib.parse import quote, unquote

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

    `patterns` are shell patterns (`*`, `?`, `[...]`); upper and lower case are the same. A pattern that ends with a
    slash is for every folder of a key, any other for its last part.
    """

    patterns: tuple[str, ...] = ()

    def matches(self, key: str) -> bool:
        """Return True if the last part of the key, or a folder that it lies in, matches a pattern."""
        *folders, name = key.split("/")
        return _matches(self._names, name) or any(_matches(self._folders, folder) for folder in folders)

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        return _expression(pattern for pattern in self.patterns if not pattern.endswith("/"))

    @cached_property
    def _folders(self) -> re.Pattern[str] | None:
        return _expression(pattern[:-1] for pattern in self.patterns if pattern.endswith("/"))


def _expression(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Return None without patterns: an empty expression would match every name."""
    expression = "|".join(map(translate, patterns))
    return re.compile(expression, re.IGNORECASE) if expression else None


def _matches(expression: re.Pattern[str] | None, name: str) -> bool:
    return expression is not None and expression.match(name) is not None


NOTHING_IGNORED = IgnoredNames()


def encode_patterns(patterns: Iterable[str]) -> str:
    """Return patterns as one argument of a job, which no shell expands and argparse does not take for an option."""
    return ",".join(quote(pattern, safe="").replace("~", "%7E").replace("-", "%2D") for pattern in patterns)


def decode_patterns(argument: str) -> tuple[str, ...]:
    """Return the patterns in a job's argument."""
    return tuple(unquote(part) for part in argument.split(","))
