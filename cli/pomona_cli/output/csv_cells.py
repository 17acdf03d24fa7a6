"""CSV cells that a spreadsheet reads as text: no key may become a formula, nor control a terminal."""

import sys

import pyarrow as pa
import pyarrow.compute as pc

from pomona_cli.output.text import escape

# the last four are the full-width forms of = + - @, which some spreadsheets accept
_FORMULA_START = "^[=+\\-@\\t\\r'\uff1d\uff0b\uff0d\uff20]"


def escape_formulas(column: pa.Array) -> pa.Array:
    """Put an apostrophe before every text that begins with = + - @ (also full-width), a tab, a CR or an apostrophe.

    Removing one leading apostrophe restores every text. A column of another type is returned as it is.
    """
    if not pa.types.is_string(column.type):
        return column
    is_formula = pc.match_substring_regex(column, _FORMULA_START)
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)


def escape_for_terminal(column: pa.Array) -> pa.Array:
    """Return the column with its texts escaped if stdout is a terminal, else as it is."""
    if not sys.stdout.isatty() or not pa.types.is_string(column.type):
        return column
    return pa.array([None if text is None else escape(text) for text in column.to_pylist()], pa.string())
