"""The order in which people number files: r_9 comes before r_10."""

import re

_NUMBER = re.compile(r"([0-9]+)")

NaturalKey = tuple[tuple[str | int, ...], str]


def natural_key(text: str) -> NaturalKey:
    """Return a sort key that compares runs of ASCII digits as numbers and everything else as text.

    Texts and numbers alternate, beginning with a text, so two keys compare text with text and number with number.
    The text itself decides between names such as `r_9` and `r_09`.
    """
    parts: list[str | int] = list(_NUMBER.split(text))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return tuple(parts), text
