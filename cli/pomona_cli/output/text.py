"""Text for people. Names in a bucket are hostile input, so none of their characters may control a terminal."""

from datetime import UTC, datetime


def escape(text: object) -> str:
    r"""Return the text with every character that is not printable written as \xNN, \uNNNN or \UNNNNNNNN.

    This covers colours, cursor movements, line ends and marks that change the direction of writing.
    """
    return "".join(character if character.isprintable() else _code(character) for character in str(text))


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def shorten(text: str, length: int = 120) -> str:
    """Return the text, escaped, without its middle if it is longer than `length`: a key has up to 1,024 bytes."""
    shown = escape(text)
    half = length // 2
    return shown if len(shown) <= length else f"{shown[:half]} ... {shown[-half:]}"


def plural(number: int, noun: str) -> str:
    """Return the number and its noun: `1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plural_with_verb(number: int, noun: str) -> str:
    """Return the number, its noun and the verb: `1 key is`, `2 keys are`."""
    return f"{plural(number, noun)} {'is' if number == 1 else 'are'}"


def format_time(at: datetime | str | None) -> str | None:
    """Return a point in time in UTC, to the second; None for None."""
    if at is None:
        return None
    read = datetime.fromisoformat(at) if isinstance(at, str) else at
    return read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_duration(seconds: float | None) -> str | None:
    """Return a length of time in its two largest units; None for None."""
    if seconds is None:
        return None
    whole = int(seconds)
    for unit, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // small} {small_name}"
    return f"{whole} s"
