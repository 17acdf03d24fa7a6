"""Tables on stdout, and rows as lines where a table is too wide."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pomona_cli.output.stream import print_line
from pomona_cli.output.text import escape
from pomona_cli.output.wrapping import terminal_width

_UNLIMITED = 1_000_000


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout; a cell that is None is empty.

    A table that is wider than the terminal is written as lines: the first cell of a row on a line of its own, then the
    other cells with the names of their columns. A broken id could not be copied.
    """
    cells = [["" if cell is None else escape(cell) for cell in row] for row in rows]
    width = terminal_width()
    table = _table(title, columns, cells)
    console = Console(width=width, highlight=False)
    if console.measure(table, options=console.options.update(width=_UNLIMITED)).maximum <= width:
        console.print(table)
        return
    print_line(title)
    for row in cells:
        print_line(row[0])
        for line in _packed([f"{name}: {cell}" for name, cell in zip(columns, row, strict=True) if cell][1:], width):
            print_line(line)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold", expand=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _packed(words: Iterable[str], width: int) -> Iterator[str]:
    """Yield indented lines of whole words, as many as fit into the width; a longer word is a line of its own."""
    line = ""
    for word in words:
        if line and len(line) + 2 + len(word) > width:
            yield line
            line = ""
        line += f"  {word}"
    if line:
        yield line
