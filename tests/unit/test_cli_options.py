"""Points in time as an operator types them."""

from datetime import UTC, datetime

import pytest
import typer

from pomona_cli.commands.options import parse_utc


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T21:35:00", "2026-11-21T21:35:00Z", "2026-11-21T22:35:00+01:00"],
)
def test_a_time_is_utc_unless_it_says_another_offset(text):
    assert parse_utc(text) == datetime(2026, 11, 21, 21, 35, tzinfo=UTC)


def test_a_day_begins_at_midnight():
    assert parse_utc("2026-11-21") == datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "0001-01-01T00:00:00+10:00"])
def test_what_is_no_time_is_told_with_the_forms_that_are(text):
    with pytest.raises(typer.BadParameter, match="write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS"):
        parse_utc(text)
