"""Points in time: sortable stamps in names, ISO 8601 in documents, always UTC."""

from datetime import UTC, datetime

_STAMP = "%Y%m%dT%H%M%S"
_MILLISECOND = 1000  # in microseconds


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return `YYYYMMDDTHHMMSSmmmZ`, which sorts like time and is allowed in names and client tokens."""
    utc = moment.astimezone(UTC)
    return f"{utc.strftime(_STAMP)}{utc.microsecond // _MILLISECOND:03d}Z"


def unstamp(text: str) -> datetime:
    """Return the point in time of a stamp, to the millisecond.

    Raises:
        ValueError: the text is not a stamp.
    """
    whole = datetime.strptime(text[:-4], _STAMP).replace(tzinfo=UTC)
    return whole.replace(microsecond=int(text[-4:-1]) * _MILLISECOND)


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
