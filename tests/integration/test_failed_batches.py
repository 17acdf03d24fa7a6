"""Setting failed batches aside and putting them back, against a real S3 server in a process of its own."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.lake_layout import FAILED_BATCHES
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import new_segments, parse_segment_name
from pomona_contract.times import now
from pomona_intake.errors import UnknownBatchError
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from tests.local_server import LocalServer
from tests.segment_lines import parse_lines

BATCH = "20261121T080000000Z-0badcafe"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    server.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    yield server
    server.stop()


@pytest.fixture
def lake(server: LocalServer) -> Iterator[Lake]:
    lake = Lake(server.client("s3"), "lake")
    yield lake
    lake.delete_all(list(lake.names("")))


@pytest.fixture
def failed(lake: Lake) -> FailedBatches:
    return FailedBatches(lake, SegmentWriter(lake, lambda step: None))


def claim_of(names: list[str]) -> Claim:
    segments = tuple(
        ClaimedSegment(name, segment.keys if (segment := parse_segment_name(name)) else 0) for name in names
    )
    return Claim(BATCH, 3, "2026-11-21T08:00:00.000Z", segments, "app", {"name": "n"}, "run", failures=3)


def write(lake: Lake, *groups: list[str]) -> list[str]:
    """A segment of each group of keys."""
    names = []
    for number, keys in enumerate(groups):
        dirty = [DirtyKey("images", key, "t") for key in keys]
        for name, body in new_segments(dirty, f"r-{number}", now()).items():
            lake.create(name, body)
            names.append(name)
    return names


def dirty(lake: Lake) -> list[str]:
    names = list(lake.names("queue/pending/"))
    return sorted(key.key for name in names for key in parse_lines(lake.read(name).body))


def test_a_batch_goes_aside_with_its_reason_and_comes_back_whole(lake: Lake, failed: FailedBatches) -> None:
    # Given a batch of three segments, of which one asks for maintenance, and another segment behind it
    names = write(lake, ["a", "é +%"], ["b"])
    names.append(SegmentWriter(lake, lambda step: None).request_maintenance())
    (other,) = write(lake, ["c"])
    # When it has failed for good
    failed.set_aside(claim_of(names), "no memory")
    # Then only the other one is pending, and what failed is told
    assert list(lake.names("queue/pending/")) == [other]
    assert failed.ids() == [BATCH]
    told = failed.read(BATCH)
    assert (told.batch_id, told.attempts, told.reason, told.keys, told.segments) == (BATCH, 3, "no memory", 3, 3)
    # When it is put back, then every key is pending again, under names that nobody had before
    written = failed.retry(BATCH)
    assert dirty(lake) == ["a", "b", "c", "é +%"]
    assert not set(written) & set(names)
    assert sum("-maintenance-" in name for name in written) == 1
    assert failed.ids() == []
    assert list(lake.names(FAILED_BATCHES)) == []


def test_garbage_goes_aside_and_comes_back_like_any_other_segment(lake: Lake, failed: FailedBatches) -> None:
    garbage = "queue/pending/20261121T080000000Z-000007-r-0.jsonl"
    lake.create(garbage, b"\xff\x00 no JSON at all")

    failed.set_aside(claim_of([garbage]), "because")

    (name,) = failed.retry(BATCH)
    assert lake.read(name).body == b"\xff\x00 no JSON at all"
    assert parse_segment_name(name).keys == 7


def test_setting_aside_goes_on_where_it_ended(lake: Lake, failed: FailedBatches) -> None:
    # Given a move that ended between its two segments
    names = write(lake, ["a"], ["b"])
    failed.set_aside(claim_of(names[:1]), "no memory")
    # When it is begun again, twice
    failed.set_aside(claim_of(names), "no memory")
    failed.set_aside(claim_of(names), "told too late")
    # Then all is there, and the first reason stays
    assert failed.read(BATCH).reason == "no memory"
    failed.retry(BATCH)
    assert dirty(lake) == ["a", "b"]


def test_a_late_move_of_a_batch_that_was_put_back_makes_no_empty_failed_batch(
    lake: Lake, failed: FailedBatches
) -> None:
    names = write(lake, ["a"])
    failed.set_aside(claim_of(names), "no memory")
    failed.retry(BATCH)

    failed.set_aside(claim_of(names), "no memory")

    assert failed.ids() == []
    assert dirty(lake) == ["a"]


def test_a_failed_batch_of_an_earlier_release_is_listed_put_back_and_discarded(
    lake: Lake, failed: FailedBatches
) -> None:
    # Given two batches as earlier releases left them, with their keys inside
    for batch in ("old-1", "old-2"):
        keys = [{"bucket": "images", "key": f"{batch}.jpg", "seen_at": "t"}]
        document = {"format": 1, "batch_id": batch, "attempts": 3, "reason": "r", "failed_at": "t", "keys": keys}
        lake.create(f"{FAILED_BATCHES}{batch}.json", json.dumps(document).encode())
    assert failed.ids() == ["old-1", "old-2"]
    assert failed.read("old-1") == FailedBatch("old-1", 3, "r", "t", 1, 0)
    # When one is put back, and the other discarded
    failed.retry("old-1")
    failed.discard("old-2")
    # Then only the first one's keys are pending
    assert dirty(lake) == ["old-1.jpg"]
    assert failed.ids() == []


def test_what_is_discarded_is_gone(lake: Lake, failed: FailedBatches) -> None:
    failed.set_aside(claim_of(write(lake, ["a"], ["b"])), "no memory")

    failed.discard(BATCH)

    assert list(lake.names("queue/")) == []


@pytest.mark.parametrize("what", ["retry", "discard"])
def test_a_batch_that_nobody_knows_is_told(failed: FailedBatches, what: str) -> None:
    with pytest.raises(UnknownBatchError, match="no failed batch 'none'"):
        getattr(failed, what)("none")


def test_one_batch_is_not_taken_for_another_whose_id_it_begins(lake: Lake, failed: FailedBatches) -> None:
    names = write(lake, ["a"])
    failed.set_aside(claim_of(names), "no memory")

    for shorter in (BATCH[:-1], ""):
        with pytest.raises(UnknownBatchError):
            failed.discard(shorter)
    assert failed.ids() == [BATCH]


def test_a_move_takes_no_memory_for_what_the_segments_hold(lake: Lake, failed: FailedBatches, server: Any) -> None:
    # Given 60 MB in segments
    s3 = server.client("s3")
    names = [f"queue/pending/20261121T080000000Z-010000-r-{number}.jsonl" for number in range(30)]
    for name in names:
        s3.put_object(Bucket="lake", Key=name, Body=bytes(2 << 20))
    failed.ids()  # what a client needs before its first call is no part of the move
    # When the batch is set aside and put back
    tracemalloc.start()
    failed.set_aside(claim_of(names), "no memory")
    failed.retry(BATCH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Then this process never held even a few of them
    assert peak < 6 << 20, f"{peak >> 20} MB"
