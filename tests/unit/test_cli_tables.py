"""Tables: at a width at which cells would be broken, each row is a few lines, in which nothing is broken."""

from datetime import UTC, datetime

import pytest

from pomona_cli.output.tables import print_table
from pomona_cli.output.wrapping import print_wrapped
from pomona_cli.runs.run import Run
from pomona_cli.runs.run_table import print_runs
from pomona_contract.prices import BilledHours

REFIT = "refit-8123456789012345678-20261120T130000000Z"
BATCH = "20261120T120200000Z-0badcafe"
RUNS = [
    Run(
        REFIT, "SUCCESS", datetime(2026, 11, 20, 13, tzinfo=UTC), 125.0, billed=BilledHours(0.25, 1.0, 0.0), cost=0.0189
    ),
    Run(
        f"featurize-{BATCH}-2",
        "FAILED",
        datetime(2026, 11, 20, 12, 2, tzinfo=UTC),
        7300.0,
        keys=120_000,
        images={"done": 119_990, "errors": 10},
        billed=BilledHours(12.345, 50.0, 0.0),
        cost=1234.5678,
        currency="USD",
        details="run 00a ended as FAILED: " + "no memory " * 20,
    ),
]
CELLS = [REFIT, BATCH, "FAILED", "2026-11-20 12:02:00", "2 h 1 min", "120000", "119990 done, 10 errors", "12.345"]
CELLS += ["1234.5678 USD"]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_every_id_and_number_of_a_run_is_on_one_line(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    print_runs("Runs", RUNS)
    lines = capsys.readouterr().out.splitlines()
    for cell in CELLS:
        assert any(cell in line for line in lines), cell


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_a_reason_is_whole(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    print_runs("Runs", RUNS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    (start,) = (number for number, line in enumerate(lines) if line.startswith(f"{BATCH}, attempt 2 failed: "))
    assert " ".join(" ".join(lines[start:]).split()) == f"{BATCH}, attempt 2 failed: {RUNS[1].details.strip()}"
    assert all(line.startswith("  ") for line in lines[start + 1 :])


def test_a_word_that_is_wider_than_the_terminal_is_not_broken(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    print_wrapped("report     s3://lake/results/42/report.html: look", indent=11)
    assert capsys.readouterr().out == "report\n           s3://lake/results/42/report.html:\n           look\n"


def test_a_failure_without_a_known_reason_names_the_logs(capsys):
    print_runs("Runs", [Run(f"featurize-{BATCH}-2", "FAILED", None)])
    told = " ".join(capsys.readouterr().out.split())  # a long sentence is wrapped at words
    assert f"{BATCH}, attempt 2 failed: the reason is not known; see `pomona logs {BATCH}`." in told


def test_a_table_that_fits_is_a_table(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    print_table("A title", ("key", "errors"), [("a/1.jpg", 5), ("b/2.jpg", None)])
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.strip() == "A title"
    assert [cell.strip() for cell in rows[3].split("│")[1:3]] == ["a/1.jpg", "5"]


def test_a_table_that_does_not_fit_has_the_first_cell_of_each_row_on_a_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    key = "a/" + "x" * 60 + ".jpg"
    print_table("A title", ("key", "error", "bytes", "at"), [(key, "not an image", 5, None), ("b", None, 123_456, "t")])
    told = capsys.readouterr().out
    assert told == f"A title\n{key}\n  error: not an image  bytes: 5\nb\n  bytes: 123456  at: t\n"


def test_a_row_does_not_become_wider_than_the_terminal_if_its_cells_are_not(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    print_table("T", ("id", "first", "second"), [("i" * 30, "1" * 20, "2" * 18)])
    assert capsys.readouterr().out.splitlines()[2:] == [f"  first: {'1' * 20}", f"  second: {'2' * 18}"]
