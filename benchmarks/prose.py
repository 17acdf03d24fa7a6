"""Paragraphs of the generated pages."""

import textwrap

WIDTH = 118


def paragraph(*sentences: str) -> list[str]:
    """Return the sentences as the lines of one paragraph, and an empty line."""
    return [*textwrap.wrap(" ".join(sentences), WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def item(*sentences: str) -> list[str]:
    """Return the sentences as the lines of one list item."""
    text = f"- {' '.join(sentences)}".rstrip()
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
