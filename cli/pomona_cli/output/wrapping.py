"""Sentences that are longer than the terminal is wide."""

import shutil
import textwrap

from pomona_cli.output.stream import print_line
from pomona_cli.output.text import escape

WIDTH_OF_A_FILE = 200  # columns, where stdout is no terminal


def terminal_width() -> int:
    """Return the number of columns of the terminal."""
    return shutil.get_terminal_size((WIDTH_OF_A_FILE, 0)).columns


def print_wrapped(line: str, indent: int) -> None:
    """Write a line; what does not fit into the terminal follows on indented lines. No word is broken."""
    wrapper = textwrap.TextWrapper(
        terminal_width(), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    for part in wrapper.wrap(escape(line)) or [""]:
        print_line(part)
