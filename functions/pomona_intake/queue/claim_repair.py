"""Repair an unreadable claim: set it aside, so that its segments, which are all still there, run again."""

from datetime import datetime

from pomona_contract.documents.claim import Claim
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import CLAIM, unreadable_claim
from pomona_contract.times import stamp
from pomona_intake.s3.lake import Lake


def problem_of_the_claim(lake: Lake) -> str:
    """Return why `queue/active.json` cannot be read; empty if it can be read or does not exist."""
    stored = lake.read(CLAIM)
    return _problem(stored.body) if stored else ""


def _problem(body: bytes) -> str:
    try:
        Claim.from_json(body)
    except FormatError as error:
        return str(error)
    return ""


def read_claim(lake: Lake) -> Claim | None:
    """Return the batch in flight, None if there is none; raise FormatError if its document cannot be read."""
    stored = lake.read(CLAIM)
    return Claim.from_json(stored.body) if stored else None


def set_claim_aside(lake: Lake, moment: datetime) -> str:
    """Move an unreadable `queue/active.json` to `queue/unreadable/`; return its new name, empty if there is none.

    The claim is read again: while the operator confirmed, another operator may have repaired it, and a new batch may be
    in flight. A run of the unreadable claim that is still in flight finds itself superseded and publishes nothing.

    Raises:
        LostRaceError: another caller changed or removed it at the same moment.
    """
    stored = lake.read(CLAIM)
    if stored is None or not _problem(stored.body):
        return ""
    name = unreadable_claim(stamp(moment))
    lake.write(name, stored.body)
    lake.delete(CLAIM, stored.etag)
    return name
