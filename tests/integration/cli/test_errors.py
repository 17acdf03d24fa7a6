"""`pomona errors`."""

import csv
import io

import pytest

from tests.cli_documents import HOSTILE, lines
from tests.cli_stack import CliStack
from tests.local_server import LocalServer


def test_before_the_first_run_there_is_no_table(common):
    for words in (("errors",), ("export", "x.csv")):
        told = common.pomona(*words)
        assert (told.exit_code, "There is no feature table cli_common.features yet" in told.stderr) == (1, True)


def test_errors_are_told_with_key_and_reason(filled):
    told = filled.pomona("errors")
    assert told.exit_code == 0, told.stderr
    assert r"bad/\x1b[31mred.jpg" in told.stdout
    assert "apple" not in told.stdout
    assert "\x1b" not in told.stdout
    assert "There are more than 2" in filled.pomona("errors", "--limit", "2").stdout
    told = filled.pomona("errors", "--prefix", "apple/")
    assert told.stdout.startswith("No image below the prefix 'apple/' has an error.\n")


def test_errors_are_told_beside_what_the_table_has_in_all(filled):
    sentence = f"In all the table has {len(HOSTILE) + 2} rows, {len(HOSTILE)} of them with an error (77.8 %).\n"
    assert filled.pomona("errors", "--limit", "1").stdout.endswith(sentence)
    assert filled.pomona("errors", "--prefix", "apple/").stdout.endswith(sentence)
    assert filled.pomona("errors", "--by", "reason").stdout.endswith(sentence)
    for form in ("--csv", "--json"):  # where somebody reads rows, it is beside them
        told = filled.pomona("errors", form)
        assert (told.stderr, sentence in told.stdout) == (sentence, False)


@pytest.fixture(scope="module")
def failing(aws: LocalServer) -> CliStack:
    """A stack with errors of several reasons and folders, in two data files, of which rows have been deleted."""
    stack = CliStack(aws, "cli-failing")

    def error(key: str, reason: str) -> dict:
        return stack.row(key, error=reason, features=None)

    sizes = [error(f"b/sub/{n}.jpg", f"too large: {n},000 bytes is above the limit of 9") for n in range(3, 0, -1)]
    stack.append(*sizes, error("top.txt", "not an image"), stack.row("b/good.jpg"))
    stack.append(error("a/=1.txt", "not an image"), error("a/2.txt", "=damaged"), error("a/gone.txt", "not an image"))
    stack.table().delete("key = 'a/gone.txt'")
    return stack


def test_errors_are_sorted_by_key_across_data_files(failing):
    keys = ["a/2.txt", "a/=1.txt", "b/sub/1.jpg", "b/sub/2.jpg", "b/sub/3.jpg", "top.txt"]
    assert [one["key"] for one in lines(failing.pomona("errors", "--json").stdout)] == keys
    rows = csv.DictReader(io.StringIO(failing.pomona("errors", "--csv").stdout, newline=""))
    assert [row["key"] for row in rows] == keys
    shown = failing.pomona("errors", "--limit", "2").stdout
    assert shown.index("a/2.txt") < shown.index("a/=1.txt")
    assert "b/sub" not in shown


def test_errors_of_a_reason_are_found_in_any_case(failing):
    told = lines(failing.pomona("errors", "--reason", "NOT AN", "--json").stdout)
    assert [one["key"] for one in told] == ["a/=1.txt", "top.txt"]
    told = failing.pomona("errors", "--reason", "no such", "--prefix", "a/").stdout
    assert told.startswith("No image below the prefix 'a/' with 'no such' in its reason has an error.\n")


def test_errors_are_counted_by_reason_whatever_their_numbers(failing):
    counted = [
        (one["errors"], one["reason"]) for one in lines(failing.pomona("errors", "--by", "reason", "--json").stdout)
    ]
    assert counted == [(3, "too large: N bytes is above the limit of N"), (2, "not an image"), (1, "=damaged")]
    shown = failing.pomona("errors", "--by", "reason", "--limit", "1").stdout
    assert "too large: N bytes" in shown
    assert "There are 3: `pomona errors --by reason --csv` prints all." in shown
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(failing.pomona("errors", "--by", "reason", "--csv").stdout))
        if row["errors"] == "1"
    ]
    assert row == {"reason": "'=damaged", "errors": "1", "example": "a/2.txt"}


@pytest.mark.parametrize("words", [(), ("--by", "reason"), ("--by", "folder")])
def test_filters_that_match_no_error_are_named(failing, words):
    told = failing.pomona("errors", "--prefix", "zebra/", "--reason", "none", *words)
    assert told.exit_code == 0
    assert told.stdout.startswith("No image below the prefix 'zebra/' with 'none' in its reason has an error.\n")


def test_errors_are_counted_by_folder(failing):
    counted = [
        (one["errors"], one["folder"]) for one in lines(failing.pomona("errors", "--by", "folder", "--json").stdout)
    ]
    assert counted == [(3, "b/sub"), (2, "a"), (1, "")]
    assert "(no folder)" in failing.pomona("errors", "--by", "folder").stdout
    told = failing.pomona("errors", "--by", "folder", "--reason", "not", "--prefix", "a/", "--json").stdout
    assert lines(told) == [{"folder": "a", "errors": 1, "example": "a/=1.txt"}]


def test_more_groups_than_memory_has_room_for_are_counted_together(failing, monkeypatch):
    monkeypatch.setattr("pomona_cli.table.error_rows.MAX_GROUPS", 1)
    told = lines(failing.pomona("errors", "--by", "folder", "--json").stdout)
    # Then the first folder that was read is a group, and all others are another one
    found = {one["folder"]: one["errors"] for one in told}
    (first,) = found.keys() - {None}
    assert found == {first: {"b/sub": 3, "a": 2, "": 1}[first], None: 6 - found[first]}
    assert "(in further groups)" in failing.pomona("errors", "--by", "folder").stdout


def test_errors_as_json_are_exact(filled):
    told = lines(filled.pomona("errors", "--json").stdout)
    assert sorted(one["key"] for one in told) == sorted(f"bad/{key}" for key in HOSTILE)


def test_errors_as_csv_hold_no_formula(filled):
    rows = list(csv.DictReader(io.StringIO(filled.pomona("errors", "--csv").stdout, newline="")))
    assert sorted(row["key"] for row in rows) == sorted(f"bad/{key}" for key in HOSTILE)
    assert {row["error"][:2] for row in rows} == {"'="}


def test_errors_are_printed_in_one_format(common):
    told = common.pomona("errors", "--csv", "--json")
    assert (told.exit_code, "either --csv or --json" in told.stderr) == (2, True)
