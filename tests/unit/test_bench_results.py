"""The file of results: rows replace those of their group, and other machines' rows are never mixed in."""

import json
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import Goal, Samples, keep, read, table

ORDER = ["job", "refit"]
MACHINE = {"processor": "one", "cores": 2, "quick": False, "images": "generated"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "BUILD", tmp_path / "build")
    return tmp_path / "results.json"


def row(name: str, ours: float = 1.0):
    return Goal("≤ 2 s", most=2.0).row(name, ours=ours, unit="s", note="why")


def test_a_row_has_exactly_the_fields_that_were_asked_for(path):
    # Given a ratio with many digits
    judged = Goal("≥ 10x", least=10.0).row("refit", ours=3.0, theirs=40.0, unit="s", ratio=40 / 3)
    # When it is kept
    document = keep(path, MACHINE, "refit", [judged], ORDER)
    # Then the row has these fields and no other
    expected = {"name": "refit", "ours": 3.0, "theirs": 40.0, "unit": "s", "ratio": 13.33, "goal": "≥ 10x", "met": True}
    assert document["rows"] == [expected]
    assert json.loads(path.read_text()) == document


@pytest.mark.parametrize(("ratio", "provided", "met"), [(10.0, True, True), (9.99, True, False), (11.0, False, False)])
def test_a_goal_is_met_by_its_ratio_and_by_what_else_it_asks(ratio, provided, met):
    judged = Goal("≥ 10x", least=10.0).row("refit", ours=1.0, unit="s", ratio=ratio, provided=provided)
    assert judged.met is met


def test_a_group_that_is_measured_again_replaces_its_rows_and_no_others(path):
    # Given the rows of two groups
    keep(path, MACHINE, "refit", [row("refit of 10 rows"), row("refit of 20 rows")], ORDER)
    keep(path, MACHINE, "job", [row("job", ours=1.5)], ORDER)
    # When one is measured again, with another size
    document = keep(path, MACHINE, "refit", [row("refit of 30 rows")], ORDER)
    # Then its old rows are gone, and the groups have their order
    assert [one["name"] for one in document["rows"]] == ["job", "refit of 30 rows"]
    assert set(document["details"]) == {"job", "refit of 30 rows"}


@pytest.mark.parametrize("change", [{"cores": 4}, {"quick": True}, {"images": "other.tar"}])
def test_rows_of_another_machine_or_kind_of_run_are_set_aside(path, change, capsys):
    # Given results
    keep(path, MACHINE, "job", [row("job")], ORDER)
    # When another machine, a quick run or other images are measured
    document = keep(path, MACHINE | change, "refit", [row("refit")], ORDER)
    # Then they are not mixed, and what was there is kept
    assert [one["name"] for one in document["rows"]] == ["refit"]
    (kept,) = (path.parent / "build").iterdir()
    assert json.loads(kept.read_text())["rows"][0]["name"] == "job"
    assert "another machine" in capsys.readouterr().out


def test_the_table_shows_every_row(path):
    keep(path, MACHINE, "job", [row("job", ours=3.0)], ORDER)
    lines = table(read(path)).splitlines()
    assert len(lines) == 2
    assert lines[1].split() == ["job", "3", "s", "3", "≤", "2", "s", "no"]


def test_samples_have_a_median():
    assert Samples([3.0, 1.0, 2.0]).median == 2.0
