"""Segments as a run reads them: what can be used is used, whatever else lies beside it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pomona.featurize.segment_reader import read_segment
from pomona_contract.segment_lines import DirtyKey, encode_lines

IMAGES = "images"
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def line(**changes: object) -> bytes:
    return json.dumps({"v": 1, "bucket": IMAGES, "key": "a.jpg", "seen_at": "t"} | changes).encode() + b"\n"


@settings(derandomize=True, database=None)
@given(st.lists(KEYS, max_size=5))
def test_what_the_intake_writes_the_job_reads(keys: list[str]) -> None:
    content = read_segment(encode_lines([DirtyKey(IMAGES, key, "t") for key in keys]), IMAGES)

    assert (content.keys, content.problem) == (keys, "")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"hello\n", "line 2 is not JSON"),
        (b"\xff\xfe\x00\n", "line 2 is not JSON"),
        (b"[" * 100_000 + b"\n", "line 2 is not JSON"),
        (b"[]\n", "line 2 is not a JSON object"),
        (line(v=2), "line 2 has v 2, but this release reads only v 1"),
        (line(key=None), "line 2 names no bucket and key"),
        (line(bucket=["b"]), "line 2 names no bucket and key"),
        (line(key=""), "line 2 names no bucket and key"),
        (line(key="\ud800"), "line 2 names a key that S3 cannot have"),
        (line(key="é" * 513), "line 2 names a key that S3 cannot have"),
        (line(bucket="theirs", key="b.jpg"), "line 2 names the key 'b.jpg' of the bucket 'theirs'"),
    ],
)
def test_a_line_that_cannot_be_used_costs_no_other(bad: bytes, said: str) -> None:
    # Given a segment with one bad line between two good ones
    content = read_segment(line(key="1.jpg") + bad + line(key="2.jpg"), IMAGES)
    # Then the good ones are used, and the reason names the bad one
    assert content.keys == ["1.jpg", "2.jpg"]
    assert content.problem.startswith(f"1 of 3 lines cannot be used: {said}")


def test_a_reason_stays_short_however_many_lines_are_bad() -> None:
    content = read_segment(b"garbage that goes on and on\n" * 10_000, IMAGES)

    assert content.keys == []
    assert content.problem.startswith("10000 of 10000 lines cannot be used: line 1 is not JSON")
    assert len(content.problem) < 1_000


@settings(derandomize=True, database=None)
@given(st.binary(max_size=300))
def test_no_body_is_an_exception(body: bytes) -> None:
    assert read_segment(body, IMAGES).keys == []
