"""The next time of one of AWS's cron expressions: `minutes hours day-of-month month day-of-week year`.

AWS's rules differ from those of Unix: there is a year, Sunday is 1, and one of the two days is `?`. The days also have
`L` (the last), `W` (the nearest working day) and `#` (the n-th of its kind in the month).
"""

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_FIELDS = 6
_ANY = ("*", "?")
_WORKING_DAYS = range(2, 7)
_DAYS_SEARCHED = 8 * 366  # no 29th of February is further away
DayRule = Callable[[date], bool]


@dataclass(frozen=True)
class Cron:
    """What each field of an expression allows."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day_rules: tuple[DayRule, ...]

    @classmethod
    def parse(cls, expression: str) -> "Cron":
        """Parse the text between the brackets of `cron(…)`; raise ValueError if AWS would refuse it."""
        words = expression.upper().split()
        if len(words) != _FIELDS:
            raise ValueError(f"cron({expression}) has {len(words)} fields instead of {_FIELDS}")
        minutes, hours, day, month, weekday, year = words
        if (day == "?") == (weekday == "?"):
            raise ValueError(f"cron({expression}) must have ? in one of its two fields of days")
        return cls(
            _values(minutes, 0, 59),
            _values(hours, 0, 23),
            _values(month, 1, 12, _MONTHS),
            _values(year, 1970, 2199),
            tuple(map(_day_of_month_rule, day.split(","))) if weekday == "?" else _weekday_rules(weekday),
        )

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, in its time zone; None if there is none in the next years."""
        begin = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days_from(begin.date()):
            earliest = begin.time() if day == begin.date() else time.min
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    if time(hour, minute) >= earliest.replace(tzinfo=None):
                        return datetime.combine(day, time(hour, minute), moment.tzinfo)
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        start = max(first, date(min(self.years), 1, 1))
        days = (start + timedelta(days=number) for number in range(_DAYS_SEARCHED))
        return (day for day in days if self._has_day(day))

    def _has_day(self, day: date) -> bool:
        return day.year in self.years and day.month in self.months and any(rule(day) for rule in self.day_rules)


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _values_of_part(part, low, high, names or {}))


def _values_of_part(part: str, low: int, high: int, names: dict[str, int]) -> Iterator[int]:
    span, has_step, step = part.partition("/")
    first_word, has_end, last_word = span.partition("-")
    first = low if span in _ANY else _number(first_word, low, high, names)
    last = _number(last_word, low, high, names) if has_end else high if has_step or span in _ANY else first
    every = int(step) if has_step else 1
    if every < 1:
        raise ValueError(f"{part} has the step {step}")
    if first > last:  # FRI-MON
        last += high - low + 1
    return (low + (value - low) % (high - low + 1) for value in range(first, last + 1, every))


def _number(word: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(word) or int(word)
    if not low <= number <= high:
        raise ValueError(f"{word} is not within {low} and {high}")
    return number


def _day_of_month_rule(part: str) -> DayRule:
    if part == "L":
        return lambda day: day.day == _days_in_month(day)
    if part == "LW":
        return lambda day: day == _nearest_working_day(day.replace(day=_days_in_month(day)))
    if part.endswith("W"):
        wanted = _number(part.removesuffix("W"), 1, 31, {})
        return lambda day: wanted <= _days_in_month(day) and day == _nearest_working_day(day.replace(day=wanted))
    days = _values(part, 1, 31)
    return lambda day: day.day in days


def _weekday_rules(field: str) -> tuple[DayRule, ...]:
    return tuple(map(_weekday_rule, field.split(",")))


def _weekday_rule(part: str) -> DayRule:
    if "#" in part:
        word, _, nth = part.partition("#")
        weekday, week = _number(word, 1, 7, _WEEKDAYS), _number(nth, 1, 5, {})
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == week
    if part.endswith("L") and part != "L":
        last = _number(part.removesuffix("L"), 1, 7, _WEEKDAYS)
        return lambda day: _weekday(day) == last and day.day + 7 > _days_in_month(day)
    days = frozenset({7}) if part == "L" else _values(part, 1, 7, _WEEKDAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: date) -> int:
    """Return 1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _days_in_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_working_day(day: date) -> date:
    """Return the nearest day from Monday to Friday in the same month."""
    near = (day + timedelta(days=distance) for distance in (0, -1, 1, -2, 2))
    return next(one for one in near if _weekday(one) in _WORKING_DAYS and one.month == day.month)
