"""Segments: names that say age and size, lines that survive any key, versions that are refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.failed_batch import FailedBatch, keys_of_format_1
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import failed_batch_folder, file_name
from pomona_contract.segment_lines import DirtyKey, encode_lines
from pomona_contract.segments import (
    MAX_KEYS_PER_SEGMENT,
    deferred_segments,
    maintenance_segment_name,
    new_segments,
    parse_segment_name,
    retried_segment_name,
)
from tests.segment_lines import parse_lines

MOMENT = datetime(2026, 11, 21, 8, 0, 0, 123_000, tzinfo=UTC)


def keys(count: int) -> list[DirtyKey]:
    return [DirtyKey("images", f"{number}.jpg", "2026-11-21T08:00:00.000Z") for number in range(count)]


def test_a_name_says_when_and_how_many() -> None:
    (name,) = new_segments(keys(3), "request-1", MOMENT)

    assert name == "queue/pending/20261121T080000123Z-000003-request-1-0.jsonl"
    segment = parse_segment_name(name)
    assert segment is not None
    assert (segment.keys, segment.written_at) == (3, MOMENT)


def test_many_keys_are_written_in_parts() -> None:
    segments = new_segments(keys(2 * MAX_KEYS_PER_SEGMENT + 1), "r", MOMENT)

    assert [parse_segment_name(name).keys for name in segments] == [MAX_KEYS_PER_SEGMENT, MAX_KEYS_PER_SEGMENT, 1]
    assert [key for name, body in segments.items() for key in parse_lines(body)] == keys(2 * MAX_KEYS_PER_SEGMENT + 1)


def test_no_keys_make_no_segment() -> None:
    assert new_segments([], "r", MOMENT) == {}


@pytest.mark.parametrize(
    "name",
    [
        "queue/pending/",
        "queue/pending/notes.txt",
        "queue/pending/20261121T080000123Z-3-r-0.jsonl",
        "queue/pending/20261121T080000123Z-000003-r.jsonl",
        "queue/failed/20261121T080000123Z-000003-r-0.jsonl",
    ],
)
def test_another_name_is_no_segment(name: str) -> None:
    assert parse_segment_name(name) is None


@settings(derandomize=True, database=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=5))
def test_any_key_survives_a_line(names: list[str]) -> None:
    written = [DirtyKey("images", name, "t") for name in names]

    assert parse_lines(encode_lines(written)) == written


CLAIM = Claim(
    "batch",
    2,
    "2026-11-21T08:00:00.000Z",
    (ClaimedSegment("s", 4), ClaimedSegment("t", 5)),
    "app",
    {"name": "n"},
    "run",
)


def test_a_claim_survives_its_document() -> None:
    assert Claim.from_json(CLAIM.to_json()) == CLAIM
    assert b'"keys": 9' in CLAIM.to_json()


def test_another_attempt_has_another_token_and_no_run() -> None:
    again = CLAIM.attempted_again("app-2", {"name": "m"}, 1, "2026-11-21T09:00:00.000Z", "no memory", careful=True)

    assert (again.attempt, again.run_id, again.application_id, again.failures) == (3, None, "app-2", 1)
    assert again.token != CLAIM.token
    assert Claim.from_json(again.to_json()) == again
    assert not again.may_start(MOMENT.replace(hour=8, minute=59))
    assert again.may_start(MOMENT.replace(hour=9, minute=1))


def test_a_segment_is_put_back_under_a_name_that_nobody_had() -> None:
    (old,) = new_segments(keys(3), "request-1", MOMENT)
    failed = old.replace("pending", "failed/batch")

    again = retried_segment_name(failed, MOMENT, "0a1b2c3d", 7)

    assert again == "queue/pending/20261121T080000123Z-000003-retry-0a1b2c3d-7.jsonl"
    assert parse_segment_name(again).keys == 3


def test_a_request_for_maintenance_that_is_put_back_stays_one() -> None:
    again = retried_segment_name(maintenance_segment_name(MOMENT), MOMENT, "0a1b2c3d", 0)

    assert "-maintenance-" in again
    assert parse_segment_name(again).keys == 0


@pytest.mark.parametrize("read", [Claim.from_json, lambda body: FailedBatch.from_json("queue/failed/b.json", body)])
def test_a_document_of_another_format_is_refused(read: object) -> None:
    with pytest.raises(FormatError, match="has format 99, but this release reads only format 1 and 2"):
        read(b'{"format": 99}')


GOOD = json.loads(CLAIM.to_json())
LATER = ("run_id", "failures", "not_before", "last_failure", "lane", "careful")  # they have a default


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"1",
        CLAIM.to_json()[:-20],
        *(
            json.dumps({name: value for name, value in GOOD.items() if name != left}).encode()
            for left in GOOD
            if left not in LATER
        ),
        *(json.dumps(GOOD | {name: [{}]}).encode() for name in GOOD if name != "keys"),
        json.dumps(GOOD | {"not_before": "tomorrow"}).encode(),
        json.dumps(GOOD | {"batch_id": ""}).encode(),
        json.dumps(GOOD | {"attempt": -1}).encode(),
    ],
)
def test_a_claim_that_cannot_be_read_is_told_in_a_sentence(body: bytes) -> None:
    with pytest.raises(FormatError, match=r"^queue/active\.json .*\.$") as told:
        Claim.from_json(body)
    assert len(str(told.value)) < 300


def test_fields_that_a_later_release_adds_to_the_same_version_are_ignored() -> None:
    # docs/upgrade.md promises it to whoever goes back to this release
    assert Claim.from_json(json.dumps(GOOD | {"surprise": 1}).encode()) == CLAIM


def test_a_claim_of_format_1_is_understood() -> None:
    # Given the second attempt of an earlier release: its first one failed, and counted
    fields = {name: value for name, value in GOOD.items() if name not in ("failures", "not_before", "last_failure")}

    claim = Claim.from_json(json.dumps(fields | {"format": 1}).encode())

    assert claim == replace(CLAIM, failures=1)


def test_a_failed_batch_of_format_1_is_understood() -> None:
    fields = {"batch_id": "b", "attempts": 3, "reason": "r", "failed_at": "t", "keys": [vars(key) for key in keys(2)]}
    body = json.dumps(fields | {"format": 1}).encode()

    assert FailedBatch.from_json("b.json", body) == FailedBatch("b", 3, "r", "t", 2, 0)
    assert keys_of_format_1("b.json", body) == keys(2)


def test_a_segment_that_only_the_cluster_takes_stays_one_when_it_is_put_back() -> None:
    # Given a key that the express lane has deferred, and a batch that failed with its segment
    (name,) = deferred_segments([DirtyKey("images", "a", "")], "b-1", MOMENT)
    failed = failed_batch_folder("b") + file_name(name)
    again = retried_segment_name(failed, MOMENT, "0a1b2c3d", 0)
    # Then the segment is still for the cluster, under another name, and others are for either lane
    found = parse_segment_name(again)
    assert found is not None
    assert (found.is_for_cluster, found.keys) == (True, 1)
    assert again != name
    (usual,) = new_segments([DirtyKey("images", "a", "")], "8f5a3c9e-0000-4000-8000-000000000001", MOMENT)
    other = parse_segment_name(usual)
    assert other is not None
    assert not other.is_for_cluster
