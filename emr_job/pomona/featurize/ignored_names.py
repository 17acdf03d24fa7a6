"""Names of objects that are no images: files that desktops and sync tools leave beside images."""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property


@dataclass(frozen=True)
class IgnoredNames:
    """Shell patterns (`*`, `?`, `[...]`) for the last part of a key; they ignore upper and lower case.

    `intake.ignored_names` has the same rule for the functions and the command line.
    """

    patterns: tuple[str, ...] = ()

    def matches(self, key: str) -> bool:
        """Return True if the key's name, which is what follows its last slash, matches one of the patterns."""
        return self._expression is not None and bool(self._expression.match(key.rpartition("/")[2]))

    @cached_property
    def _expression(self) -> re.Pattern[str] | None:
        """Return None without patterns: an empty expression would match every name."""
        if not self.patterns:
            return None
        return re.compile("|".join(translate(pattern) for pattern in self.patterns), re.IGNORECASE)


NOTHING_IGNORED = IgnoredNames()
