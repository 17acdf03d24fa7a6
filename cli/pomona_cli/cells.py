"""CSV that a spreadsheet opens as text: a cell must not become a formula, whatever an image is called."""

import pyarrow as pa
import pyarrow.compute as pc

# the last four are the wide forms of the first four, which some spreadsheets take for them
_DANGEROUS = "^[=+\\-@\\t\\r'\uff1d\uff0b\uff0d\uff20]"


def protected(column: pa.Array) -> pa.Array:
    """Texts that begin with = + - @ (also the wide forms), a tab, a carriage return or an apostrophe get an apostrophe.

    Removing one leading apostrophe gives the text back, of every cell. Other types are returned as they are.
    """
    if not pa.types.is_string(column.type):
        return column
    dangerous = pc.match_substring_regex(column, _DANGEROUS)
    return pc.if_else(dangerous, pc.binary_join_element_wise("'", column, ""), column)
