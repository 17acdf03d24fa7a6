"""How many snapshots a table keeps, whatever comes: a refit never loses the one that it reads."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pomona.table.snapshot_limits import KEPT_SNAPSHOTS, MOST_SNAPSHOTS, expired_before, has_many_to_expire

WEEK, REFIT = timedelta(days=7), timedelta(hours=4)


def every(minutes: float, count: int) -> list[datetime]:
    """The commits of a table into which somebody commits at this pace, the newest first."""
    now = datetime.now(UTC)
    return [now - timedelta(minutes=minutes) * number for number in range(count)]


@given(st.floats(0.01, 60), st.integers(0, 3000), st.integers(1, 24))
def test_what_a_refit_may_read_stays(minutes: float, count: int, hours: int) -> None:
    longest = timedelta(hours=hours)
    limit = expired_before(every(minutes, count), WEEK, longest)
    assert limit <= datetime.now(UTC) - min(longest, WEEK)


def test_few_snapshots_are_kept_for_their_days() -> None:
    committed = every(5, MOST_SNAPSHOTS)
    assert all(moment > expired_before(committed, WEEK, REFIT) for moment in committed)
    assert not has_many_to_expire(committed, REFIT)


def test_of_too_many_half_stay() -> None:
    committed = every(5, MOST_SNAPSHOTS + 1)
    limit = expired_before(committed, WEEK, REFIT)
    assert sum(moment >= limit for moment in committed) == KEPT_SNAPSHOTS
    assert has_many_to_expire(committed, REFIT)


def test_nobody_is_asked_for_what_cannot_expire_yet() -> None:
    # Given a refit that may take a day, and a commit each minute for less than a day, or for two days
    longest = timedelta(days=1)
    assert not has_many_to_expire(every(1, 60 * 20), longest)
    assert has_many_to_expire(every(1, 60 * 48), longest)
