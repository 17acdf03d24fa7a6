"""When a run is launched, and which segments it takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pomona_contract.lanes import Lane
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import Segment, deferred_segments, maintenance_segment_name, parse_segment_name
from pomona_intake.queue.launch_policy import (
    MAX_SEGMENTS,
    LaunchLimits,
    due_launch,
    restart_delay,
    retry_delay,
    take,
)

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)
pure = settings(derandomize=True, database=None)


def segment(keys: int, minutes_ago: float = 0) -> Segment:
    written_at = NOW - timedelta(minutes=minutes_ago)
    return Segment(f"queue/pending/{written_at.isoformat()}-{keys:06d}", keys, written_at)


CLUSTER_ALONE = LaunchLimits(1000, TEN_MINUTES, max_keys_per_run=100_000, express_keys=0)
BOTH_LANES = replace(CLUSTER_ALONE, express_keys=100)


def deferred(keys: int, minutes_ago: float = 0) -> Segment:
    written_at = NOW - timedelta(minutes=minutes_ago)
    (name,) = deferred_segments([DirtyKey("images", str(number), "") for number in range(keys)], "b-1", written_at)
    found = parse_segment_name(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pending", "due"),
    [
        ([], False),
        ([segment(999)], False),
        ([segment(1000)], True),
        ([segment(500), segment(499)], False),
        ([segment(500), segment(500)], True),
        ([segment(1, minutes_ago=9.9)], False),
        ([segment(1, minutes_ago=10)], True),
        ([segment(1), segment(1, minutes_ago=11)], True),
    ],
)
def test_a_run_is_due_when_enough_is_pending_or_the_oldest_has_waited(pending: list[Segment], due: bool) -> None:
    launch = due_launch(pending, NOW, CLUSTER_ALONE)

    assert (launch is not None) is due
    assert launch is None or launch.lane is Lane.CLUSTER


def test_without_a_waiting_time_anything_pending_is_due() -> None:
    limits = replace(CLUSTER_ALONE, launch_after=timedelta(0))
    assert due_launch([segment(1)], NOW, limits) is not None
    assert due_launch([], NOW, limits) is None


@pytest.mark.parametrize(
    ("pending", "lane", "keys"),
    [
        ([segment(1)], Lane.EXPRESS, 1),
        ([segment(60, 2), segment(40, 1)], Lane.EXPRESS, 100),
        ([segment(60, 2), segment(41, 1)], Lane.EXPRESS, 60),
        ([segment(101)], None, 0),
        ([segment(101), segment(7)], Lane.EXPRESS, 7),
        ([segment(500, 2), segment(500, 1)], Lane.CLUSTER, 1000),
        ([segment(101, 10), segment(7)], Lane.CLUSTER, 108),
        ([segment(1, 11)], Lane.EXPRESS, 1),
        ([deferred(3)], None, 0),
        ([deferred(3), segment(2)], Lane.EXPRESS, 2),
        ([deferred(3, 10), segment(2)], Lane.CLUSTER, 5),
    ],
)
def test_few_new_keys_take_the_express_lane_and_all_others_the_cluster(
    pending: list[Segment], lane: Lane | None, keys: int
) -> None:
    launch = due_launch(pending, NOW, BOTH_LANES)

    assert (launch.lane if launch else None) == lane
    assert sum(segment.keys for segment in (launch.segments if launch else ())) == keys


def test_a_request_for_maintenance_is_never_one_for_the_express_lane() -> None:
    request = parse_segment_name(maintenance_segment_name(NOW))
    assert request is not None

    assert due_launch([request], NOW, BOTH_LANES) is None


def test_a_batch_takes_the_oldest_up_to_its_size() -> None:
    oldest, middle, newest = segment(40, 3), segment(60, 2), segment(1, 1)

    assert take([newest, oldest, middle], max_keys=100) == (oldest, middle)


def test_a_batch_takes_at_least_one_segment_however_large() -> None:
    huge, small = segment(1000, 2), segment(1, 1)

    assert take([small, huge], max_keys=100) == (huge,)


def test_a_large_segment_waits_for_the_next_batch() -> None:
    small, huge, late = segment(1, 3), segment(1000, 2), segment(1, 1)

    assert take([small, huge, late], max_keys=100) == (small,)


def test_a_batch_takes_no_more_segments_than_its_claim_should_hold() -> None:
    tiny = [segment(1, minutes_ago=number) for number in range(MAX_SEGMENTS + 1)]

    assert len(take(tiny, max_keys=100_000)) == MAX_SEGMENTS


HOUR = timedelta(hours=1)
CHANCES = st.floats(0, 1)


@pure
@given(st.integers(2, 10), CHANCES)
def test_the_last_attempt_comes_when_an_outage_of_that_length_is_over(max_attempts: int, chance: float) -> None:
    assert retry_delay(max_attempts - 1, max_attempts, HOUR, chance) >= HOUR


@pure
@given(st.integers(3, 10), CHANCES, CHANCES)
def test_each_attempt_waits_longer_than_the_one_before(max_attempts: int, one: float, other: float) -> None:
    waits = [retry_delay(number, max_attempts, HOUR, one) for number in range(1, max_attempts - 1)]
    longer = [retry_delay(number, max_attempts, HOUR, other) for number in range(2, max_attempts)]
    assert all(later > earlier for earlier, later in zip(waits, longer, strict=True))


@pure
@given(st.integers(1, 10_000), CHANCES)
def test_a_run_that_never_ran_is_started_again_within_the_longest_wait(restarts: int, chance: float) -> None:
    wait = restart_delay(restarts, HOUR, chance)
    assert timedelta(minutes=1) <= wait <= HOUR * 1.25
    assert restart_delay(restarts + 1, HOUR, chance) >= wait


def test_the_first_new_start_comes_after_a_minute_and_each_later_one_six_times_later() -> None:
    waits = [restart_delay(restarts, HOUR, 0) for restarts in range(1, 5)]
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 6, 36, 60)]


def test_two_batches_that_failed_at_once_do_not_come_back_at_once() -> None:
    assert retry_delay(1, 3, HOUR, 0.1) != retry_delay(1, 3, HOUR, 0.9)
    assert restart_delay(1, HOUR, 0.1) != restart_delay(1, HOUR, 0.9)


def test_without_a_wait_nothing_waits() -> None:
    assert retry_delay(1, 3, timedelta(0), 0.5) == restart_delay(9, timedelta(0), 0.5) == timedelta(0)
