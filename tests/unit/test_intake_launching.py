"""When a run is launched, and which segments it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from intake.launching import is_due, take
from intake.segments import Segment

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


def segment(keys: int, minutes_ago: float = 0) -> Segment:
    written_at = NOW - timedelta(minutes=minutes_ago)
    return Segment(f"queue/pending/{written_at.isoformat()}-{keys:06d}", keys, written_at)


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
    assert is_due(pending, NOW, launch_at_keys=1000, launch_after=TEN_MINUTES) is due


def test_without_a_waiting_time_anything_pending_is_due() -> None:
    assert is_due([segment(1)], NOW, launch_at_keys=1000, launch_after=timedelta(0))
    assert not is_due([], NOW, launch_at_keys=1000, launch_after=timedelta(0))


def test_a_batch_takes_the_oldest_up_to_its_size() -> None:
    oldest, middle, newest = segment(40, 3), segment(60, 2), segment(1, 1)

    assert take([newest, oldest, middle], max_keys=100) == (oldest, middle)


def test_a_batch_takes_at_least_one_segment_however_large() -> None:
    huge, small = segment(1000, 2), segment(1, 1)

    assert take([small, huge], max_keys=100) == (huge,)


def test_a_large_segment_waits_for_the_next_batch() -> None:
    small, huge, late = segment(1, 3), segment(1000, 2), segment(1, 1)

    assert take([small, huge, late], max_keys=100) == (small,)
