"""`pomona export`."""

import csv
import gzip
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


def test_export_to_compressed_csv_follows_the_name_of_the_file(filled, tmp_path):
    target = tmp_path / "table.csv.gz"
    assert filled.pomona("export", str(target)).exit_code == 0
    filled.pomona("export", str(tmp_path / "table.csv"))
    assert gzip.decompress(target.read_bytes()) == (tmp_path / "table.csv").read_bytes()
    assert filled.pomona("export", str(tmp_path / "other"), "--format", "csv.gz").exit_code == 0
    assert (tmp_path / "other").read_bytes() == target.read_bytes()


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


def test_export_asks_before_it_overwrites_a_file(filled, tmp_path):
    # Given a file
    target = tmp_path / "table.csv"
    target.write_text("before")
    # When the question cannot be asked, then the file stays
    told = filled.pomona("export", str(target))
    assert told.exit_code == 1
    assert f"pass --force. {target} exists and was not overwritten." in told.stderr
    assert target.read_text() == "before"
    # When it is meant, then the file is overwritten
    assert filled.pomona("export", str(target), "--force").exit_code == 0
    assert "kiwi/1.jpg" in target.read_text()


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        (("--label", "none"), "the label 'none'"),
        (("--prefix", "none/"), "a key that begins with 'none/'"),
        (("--label", "kiwi", "--prefix", "none/"), "the label 'kiwi' and a key that begins with 'none/'"),
    ],
)
def test_export_of_nothing_says_so_and_leaves_a_file_without_rows(filled, tmp_path, words, filters):
    target = tmp_path / "table.csv"
    told = filled.pomona("export", str(target), *words)
    assert (told.exit_code, told.stderr) == (0, f"No row has {filters}: {target} has no rows.\n")
    assert list(csv.DictReader(io.StringIO(target.read_text()))) == []
    assert target.read_text().startswith('"key","bucket"')
