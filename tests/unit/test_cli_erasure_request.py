"""The documents of erasures."""

import json

from pomona_contract.documents.erasure import Erasure

ASKED, AGAIN = "2026-11-20T12:00:00.000Z", "2026-11-21T08:00:00.000Z"


def read(**changed) -> Erasure:
    about = {"id": "a", "requested_at": AGAIN, "bucket": "images", "prefix": "p/", "keys": [], "state": "open"}
    return Erasure.from_json("a", json.dumps({"format": 1, **about, "final_at": None, **changed}).encode())


def test_an_erasure_is_open_since_it_was_first_asked_for():
    assert read(first_requested_at=ASKED).open_since == ASKED


def test_a_document_of_an_older_release_is_open_since_its_only_time():
    assert read().open_since == AGAIN


def test_when_it_was_first_asked_for_is_kept():
    erasure = read(first_requested_at=ASKED)
    assert Erasure.from_json("a", erasure.to_json()) == erasure
