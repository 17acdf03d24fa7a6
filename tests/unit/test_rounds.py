"""The demo's two rounds: the bucket ends as the folder, and the second round has something to do."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.rounds import Put, files_below, left_out_below, plan


@given(st.sets(st.text("abc/+ é", min_size=1, max_size=8), min_size=1, max_size=70))
def test_the_bucket_ends_as_the_folder(names: set[str]):
    files = [Put(name, Path(__file__)) for name in sorted(names)]
    rounds = plan(files)
    bucket = {put.key: put.source for put in rounds.first}
    bucket.update({put.key: put.source for put in rounds.second})
    for key in rounds.deleted:
        del bucket[key]
    assert bucket == {put.key: put.source for put in files}


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_the_second_round_changes_and_deletes_and_adds(tmp_path: Path, count: int):
    for number in range(count):
        (tmp_path / f"{number}.jpg").write_text(str(number))
    files = files_below(tmp_path)
    rounds = plan(files)
    first = {put.key: put.source.read_bytes() for put in rounds.first}
    changed = [put for put in rounds.second if put.key in first and first[put.key] != put.source.read_bytes()]
    added = [put for put in rounds.second if put.key not in first]
    assert changed
    assert rounds.deleted
    assert added or count == 1


def test_files_of_any_name_and_depth_are_found(tmp_path: Path):
    for name in ("a b/c+d.jpg", "é/ü/ö.png", ".hidden", "plain"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert {put.key for put in files_below(tmp_path)} == {"a b/c+d.jpg", "é/ü/ö.png", ".hidden", "plain"}


@pytest.mark.parametrize("name", [b"latin1-\xe9.jpg", b"/".join([b"x" * 200] * 6) + b".jpg"])
def test_a_name_that_s3_cannot_have_is_left_out_and_told(tmp_path: Path, name: bytes):
    (tmp_path / "apple.jpg").write_text("x")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_text("x")
    assert [put.key for put in files_below(tmp_path)] == ["apple.jpg"]
    assert left_out_below(tmp_path) == [ascii(os.fsdecode(name))]
