"""The next time of a schedule, by AWS's rules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.events import cron as emulated
from pomona_cli.schedules.cron import Cron
from pomona_cli.schedules.next_time import next_time

FRIDAY = datetime(2026, 11, 27, 10, 30, 20, tzinfo=UTC)


def text_after(expression: str, zone: str = "UTC", now: datetime = FRIDAY) -> str:
    due = next_time(expression, now, now, zone)
    return due.strftime("%Y-%m-%d %H:%M") if due else "never"


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ("0 3 * * ? *", "2026-11-28 03:00"),
        ("31 10 * * ? *", "2026-11-27 10:31"),
        ("30 10 * * ? *", "2026-11-28 10:30"),
        ("0/15 * * * ? *", "2026-11-27 10:45"),
        ("0 8-10/2,12 ? * * *", "2026-11-27 12:00"),
        ("0 18 ? * MON-FRI *", "2026-11-27 18:00"),
        ("0 9 ? * FRI-SUN *", "2026-11-28 09:00"),
        ("0 9 ? * fri-mon *", "2026-11-28 09:00"),
        ("0 9 ? * 1 *", "2026-11-29 09:00"),
        ("0 9 ? * L *", "2026-11-28 09:00"),
        ("0 9 ? * 6L *", "2026-12-25 09:00"),
        ("0 9 ? * MONL *", "2026-11-30 09:00"),
        ("0 9 ? * TUE#2 *", "2026-12-08 09:00"),
        ("0 9 ? * 3#5 *", "2026-12-29 09:00"),
        ("0 9 L * ? *", "2026-11-30 09:00"),
        ("0 9 LW FEB ? *", "2027-02-26 09:00"),
        ("0 9 1W * ? *", "2026-12-01 09:00"),
        ("0 9 1W 8 ? *", "2027-08-02 09:00"),
        ("0 9 31W * ? *", "2026-12-31 09:00"),
        ("0 9 1,15 JAN-MAR ? *", "2027-01-01 09:00"),
        ("0 9 29 2 ? *", "2028-02-29 09:00"),
        ("0 9 1 1 ? 2031-2040/4", "2031-01-01 09:00"),
        ("0 9 1 1 ? 2020", "never"),
        ("0 9 31 2 ? *", "never"),
    ],
)
def test_the_next_time_of_a_cron_expression(fields: str, due: str) -> None:
    assert text_after(f"cron({fields})") == due


@pytest.mark.parametrize(
    "fields",
    ["0 3 * * ?", "0 3 * * * *", "0 3 ? * ? *", "60 3 * * ? *", "0 3 32 * ? *", "0 3 ? * 0 *", "0/0 3 * * ? *", "x"],
)
def test_what_aws_refuses_is_refused(fields: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Cron.parse(fields)


def test_a_rate_is_counted_from_its_beginning() -> None:
    began = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
    assert next_time("rate(1 day)", FRIDAY, began) == datetime(2026, 11, 28, 8, 15, 30, tzinfo=UTC)
    assert next_time("rate(12 hours)", FRIDAY, began) == datetime(2026, 11, 27, 20, 15, 30, tzinfo=UTC)
    assert next_time("rate(1 minute)", FRIDAY, began) == datetime(2026, 11, 27, 10, 30, 30, tzinfo=UTC)
    assert next_time("rate(5 minutes)", began, FRIDAY) == FRIDAY


def test_other_expressions() -> None:
    assert text_after("at(2026-11-28T09:00:00)") == "2026-11-28 09:00"
    assert text_after("at(2026-11-26T09:00:00)") == "never"
    with pytest.raises(ValueError, match="no schedule expression"):
        text_after("daily")


def test_a_cron_expression_is_read_in_its_time_zone() -> None:
    assert text_after("cron(0 3 * * ? *)", "Asia/Tokyo") == "2026-11-27 18:00"
    assert text_after("cron(0 3 * * ? *)", "Europe/Paris") == "2026-11-28 02:00"
    assert text_after("at(2026-11-28T09:00:00)", "Europe/Paris") == "2026-11-28 08:00"


def field_of(low: int, high: int):
    """What both implementations know of a field: numbers, lists, ranges and steps."""
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.tuples(number, st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.lists(st.one_of(number.map(str), span, step), min_size=1, max_size=3).map(",".join) | st.just("*")


@given(field_of(0, 59), field_of(0, 23), field_of(1, 28), field_of(1, 12))
def test_the_embedded_scheduler_fires_when_the_status_says(minutes: str, hours: str, days: str, months: str) -> None:
    # Given an expression that both implementations know; each was written by itself
    expression = f"{minutes} {hours} {days} {months} ? *"
    due = Cron.parse(expression).next_after(FRIDAY)
    # Then the schedule fires at that minute, and at none of the day before it
    assert due is not None
    assert emulated.Cron.parse(expression).fires_between(max(FRIDAY, due - timedelta(days=1)), due) == due
