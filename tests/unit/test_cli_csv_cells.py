"""CSV cells that no spreadsheet reads as a formula, and that can be restored."""

import csv
import io

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona_cli.output.csv_cells import escape_formulas


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "\uff1d1", "=cmd|' /C calc'!A0"]
)
def test_what_could_be_a_formula_begins_with_an_apostrophe(text):
    assert escape_formulas(pa.array([text])).to_pylist() == [f"'{text}"]


@pytest.mark.parametrize("text", ["a=1", "", "photos/-1.jpg", " =1"])
def test_what_could_not_is_left_alone(text):
    assert escape_formulas(pa.array([text, None])).to_pylist() == [text, None]


def test_numbers_are_left_alone():
    numbers = pa.array([-0.5, 1.0])
    assert escape_formulas(numbers) is numbers


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1), min_size=1))
def test_one_apostrophe_less_gives_every_text_back(texts):
    # Given texts that were written as CSV
    sink = io.BytesIO()
    pyarrow.csv.write_csv(pa.table({"key": escape_formulas(pa.array(texts, pa.string()))}), sink)
    # When they are read with the standard library, and one leading apostrophe is taken away
    rows = list(csv.reader(io.StringIO(sink.getvalue().decode(), newline="")))[1:]
    # Then they are the same
    assert [row[0].removeprefix("'") for row in rows] == texts
