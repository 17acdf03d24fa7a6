"""Putting a claim right that cannot be read: it is kept aside, and its segments, which are all there, run again."""

from datetime import datetime

from pomona_intake.errors import FormatError
from pomona_intake.queue.documents import ACTIVE, Claim
from pomona_intake.s3.lake import Lake
from pomona_intake.times import stamp

UNREADABLE = "queue/unreadable/"


def problem_of_the_claim(lake: Lake) -> str:
    """Return why `queue/active.json` cannot be read; empty if it can, or if there is none."""
    stored = lake.read(ACTIVE)
    return _problem(stored.body) if stored else ""


def _problem(body: bytes) -> str:
    try:
        Claim.from_json(body)
    except FormatError as error:
        return str(error)
    return ""


def read_claim(lake: Lake) -> Claim | None:
    """Return the batch in flight, None if there is none; FormatError if its document cannot be read."""
    stored = lake.read(ACTIVE)
    return Claim.from_json(stored.body) if stored else None


def set_claim_aside(lake: Lake, moment: datetime) -> str:
    """Move an unreadable `queue/active.json` to `queue/unreadable/` and return its new name, empty if there is none.

    It is read again: while an operator was asked, another may have repaired it, and a new batch may be in flight. A run
    of the unreadable claim that is still in flight finds itself superseded, and publishes nothing.

    Raises:
        LostRaceError: it was changed or removed at the same moment.
    """
    stored = lake.read(ACTIVE)
    if stored is None or not _problem(stored.body):
        return ""
    name = f"{UNREADABLE}active-{stamp(moment)}.json"
    lake.write(name, stored.body)
    lake.delete(ACTIVE, stored.etag)
    return name
