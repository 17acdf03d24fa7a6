"""Everything that the embedded AWS takes from moto: a module for each of moto's services. No other module imports moto.

moto's backends, models and responses are not a public API, and any release may change them. Each module here says what
is used of a service; its `install` puts our classes in the place of moto's.
tests/unit/test_moto_internals.py checks every class, method and attribute against the moto that is installed.
"""

from importlib.metadata import version

TESTED_FROM, TESTED_BELOW = "5.2.5", "5.3"


class MotoVersionError(Exception):
    """Another moto is installed than the embedded AWS was tested with."""


def check_version(installed: str | None = None) -> None:
    """Raise MotoVersionError unless `installed`, by default this environment's moto, is in the tested range."""
    found = installed or version("moto")
    if not _numbers(TESTED_FROM) <= _numbers(found) < _numbers(TESTED_BELOW):
        raise MotoVersionError(
            f"moto {found} is installed; the embedded AWS was tested with moto >= {TESTED_FROM}, < {TESTED_BELOW}. "
            "Install requirements/development.txt, or run tests/unit/test_moto_internals.py to see what has changed"
        )


def _numbers(text: str) -> tuple[int, ...]:
    """Return the release numbers of a version: (5, 2, 5) for 5.2.5.dev1."""
    leading = []
    for part in text.split("."):
        if not part.isdigit():
            break
        leading.append(int(part))
    return tuple(leading)
