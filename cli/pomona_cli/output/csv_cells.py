"""CSV cells that a spreadsheet reads as text: no key may become a formula."""

import pyarrow as pa
import pyarrow.compute as pc

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
