"""AWS's cron expressions: cron(minutes hours day-of-month month day-of-week year), numbers and names, UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES, 1)}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


@dataclass(frozen=True)
class Cron:
    """The values that each field allows. L, W and # are not supported and refused."""

    fields: tuple[frozenset[int], ...]

    @classmethod
    def parse(cls, expression: str) -> "Cron":
        """Parse the text between the brackets; ValueError says what is wrong."""
        words = expression.upper().split()
        if len(words) != len(_BOUNDS):
            raise ValueError(f"cron({expression}) must have 6 fields")
        return cls(tuple(_values(word, *bounds) for word, bounds in zip(words, _BOUNDS, strict=True)))

    def matches(self, moment: datetime) -> bool:
        """Return True if the expression fires in this minute."""
        weekday = moment.isoweekday() % 7 + 1
        now = (moment.minute, moment.hour, moment.day, moment.month, weekday, moment.year)
        return all(value in allowed for value, allowed in zip(now, self.fields, strict=True))

    def fires_between(self, after: datetime, until: datetime) -> datetime | None:
        """Return the first firing in (after, until]; None if there is none."""
        minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while minute <= until:
            if self.matches(minute):
                return minute
            minute += timedelta(minutes=1)
        return None


def _values(word: str, low: int, high: int) -> frozenset[int]:
    return frozenset().union(*(_part(part, low, high) for part in word.split(",")))


def _part(part: str, low: int, high: int) -> frozenset[int]:
    span, _, step = part.partition("/")
    if span in ("*", "?"):
        first, last = low, high
    elif "-" in span:
        first, last = map(_number, span.split("-"))
    else:
        first = _number(span)
        last = high if step else first
    if not low <= first <= last <= high:
        raise ValueError(f"{part} is not within {low}-{high}")
    return frozenset(range(first, last + 1, int(step or 1)))


def _number(word: str) -> int:
    named = _MONTHS.get(word) or _DAYS.get(word)
    if named is None and not word.isdigit():
        raise ValueError(f"{word} is neither a number nor the name of a month or a day")
    return named or int(word)
