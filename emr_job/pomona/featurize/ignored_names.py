"""Names that say that an object is no image: what desktops and sync tools leave beside images."""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property


@dataclass(frozen=True)
class IgnoredNames:
    """Shell patterns (`*`, `?`, `[...]`) for the last part of a key, in upper or lower case alike.

    `intake.ignored_names` has the same rule for the functions and the command line.
    """

    patterns: tuple[str, ...] = ()

    def matches(self, key: str) -> bool:
        """Whether the key's name, which is what follows its last slash, matches one of the patterns."""
        return self._expression is not None and bool(self._expression.match(key.rpartition("/")[2]))

    @cached_property
    def _expression(self) -> re.Pattern[str] | None:
        """None without patterns: an empty expression would match every name."""
        if not self.patterns:
            return None
        return re.compile("|".join(translate(pattern) for pattern in self.patterns), re.IGNORECASE)


NOTHING_IGNORED = IgnoredNames()
