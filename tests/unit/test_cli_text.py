"""What the command line shows of names that anybody may have chosen."""

import json
from datetime import UTC, datetime

import pytest

from pomona_cli.output.stream import print_json
from pomona_cli.output.tables import print_table
from pomona_cli.output.text import escape, format_duration, format_time, plural, plural_with_verb, shorten

HOSTILE = "a\x1b[31mb\r\nc\u202ed\x07\x9b0m\u2028"


def test_no_character_of_a_key_reaches_the_terminal_that_could_steer_it():
    assert escape(HOSTILE) == r"a\x1b[31mb\r\nc\u202ed\x07\x9b0m\u2028"


def test_ordinary_keys_are_shown_as_they_are():
    assert escape("obst/äpfel/苹果 (1) 50% & #1.jpg") == "obst/äpfel/苹果 (1) 50% & #1.jpg"


def test_half_a_surrogate_pair_is_shown_as_well():
    assert escape("\ud83d") == r"\ud83d"


def test_a_table_takes_no_markup_from_a_key(capsys):
    print_table("[bold]T", ["key"], [["[red]x[/red]" + HOSTILE], [None]])
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert "\x1b" not in shown


def test_json_is_exact_and_harmless(capsys):
    print_json([{"key": HOSTILE}])
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"key": HOSTILE}
    assert shown.isascii()
    assert shown.count("\n") == 1
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, None), (0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (7300, "2 h 1 min"), (90000, "1 d 1 h")],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert format_duration(seconds) == text


def test_a_moment_is_shown_in_utc():
    assert format_time("2026-11-21T01:00:00+02:00") == "2026-11-20 23:00:00"
    assert format_time(datetime(2026, 11, 21, tzinfo=UTC)) == "2026-11-21 00:00:00"
    assert format_time(None) is None


def test_one_of_something_is_not_many():
    assert [plural(number, "key") for number in (0, 1, 2)] == ["0 keys", "1 key", "2 keys"]
    assert [plural_with_verb(number, "key") for number in (1, 2)] == ["1 key is", "2 keys are"]


def test_a_long_key_is_shown_with_its_beginning_and_its_end():
    shown = shorten("begin/" + "\x1b" * 1000 + "/end.jpg")
    assert shown.startswith(r"begin/\x1b")
    assert shown.endswith(r"\x1b/end.jpg")
    assert len(shown) < 130
    assert shorten("short/\x1b.jpg") == r"short/\x1b.jpg"
