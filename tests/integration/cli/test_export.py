"""`pomona export`."""

import csv
import io

import pyarrow.parquet as pq
import pytest

from tests.cli_documents import HOSTILE
from tests.cli_stack import FEATURES


def test_export_to_parquet_is_the_table_as_it_is(filled, tmp_path):
    target = tmp_path / "table.parquet"
    told = filled.pomona("export", str(target))
    assert told.exit_code == 0, told.stderr
    table = pq.read_table(target)
    rows = {row["key"]: row for row in table.to_pylist()}
    assert len(rows) == len(HOSTILE) + 2
    assert rows["kiwi/1.jpg"]["features"] == [0.25, -1.5]
    assert rows["apple/1.jpg"]["features"] == [0.5] * FEATURES
    assert rows["bad/=1+1.jpg"]["features"] is None
    assert not list(tmp_path.glob("*.partial"))


def test_export_to_csv_has_a_column_for_each_feature(filled, tmp_path):
    target = tmp_path / "table.csv"
    filled.pomona("export", str(target))
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(target.read_text(), newline=""))}
    names = [f"f{number}" for number in range(FEATURES)]
    assert [rows["apple/1.jpg"][name] for name in names] == ["0.5"] * FEATURES
    assert [rows["kiwi/1.jpg"][name] for name in names] == ["0.25", "-1.5", *[""] * (FEATURES - 2)]
    assert {rows["bad/=1+1.jpg"][name] for name in names} == {""}
    assert rows["bad/=1+1.jpg"]["error"] == "'=broken 0"


def test_export_takes_a_label_or_a_prefix(filled, tmp_path):
    for words in (("--label", "kiwi"), ("--prefix", "kiwi/")):
        told = filled.pomona("export", "-", "--format", "csv", *words)
        assert [row["key"] for row in csv.DictReader(io.StringIO(told.stdout))] == ["kiwi/1.jpg"]


@pytest.mark.parametrize("label", ["P\u00eache", "Pe\u0302che"])
def test_export_takes_a_label_as_either_keyboard_writes_it(aws, stack, label):
    # Given rows with the label in NFC, and one of an earlier release with the label as macOS writes it
    stack.append(stack.row("P\u00eache/1.jpg"), stack.row("Pe\u0302che/2.jpg"), stack.row("Peche/3.jpg"))
    told = stack.pomona("export", "-", "--format", "csv", "--label", label)
    keys = [row["key"] for row in csv.DictReader(io.StringIO(told.stdout))]
    assert keys == ["P\u00eache/1.jpg", "Pe\u0302che/2.jpg"]


def test_export_refuses_a_file_that_it_cannot_write_or_name(filled, tmp_path):
    told = filled.pomona("export", "table.txt")
    assert (told.exit_code, "name the format with --format" in told.stderr) == (2, True)
    assert "cannot be written" in filled.pomona("export", str(tmp_path / "none" / "x.csv")).stderr
