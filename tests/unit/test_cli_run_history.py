"""`pomona runs --json` says what was out of the ordinary in a run; null if a run did not count it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pomona_cli.runs.history import RunHistory

NAME = "featurize-20261120T120100000Z-abc-1"
KEY = "runs/20261120T120100000Z-abc-1.json"


def history(record: dict[str, Any]) -> RunHistory:
    body = json.dumps({"format": 1, "batch_id": "20261120T120100000Z-abc", "keys": 5, "images": {}, **record}).encode()
    lake = SimpleNamespace(read=lambda name: SimpleNamespace(body=body) if name == KEY else None, names=lambda _: [KEY])
    emr = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_options: [{"jobRuns": []}]))
    location = SimpleNamespace(region="eu-west-3")
    return RunHistory(SimpleNamespace(lake=lake, client=lambda _: emr, application_id="app", location=location))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "fallbacks"),
    [({"fallbacks": {"keys": 3, "errors": 1}}, {"keys": 3, "errors": 1}), ({}, None)],
)
def test_fallbacks_are_told_if_they_were_counted(record: dict[str, Any], fallbacks: dict[str, int] | None) -> None:
    (run,) = history(record).latest(1)
    assert run.name == NAME
    assert run.document()["fallbacks"] == fallbacks


@pytest.mark.parametrize(("record", "careful"), [({"careful": 250}, 250), ({"careful": 0}, 0), ({}, None)])
def test_images_decoded_in_a_child_process_are_told_if_they_were_counted(
    record: dict[str, Any], careful: int | None
) -> None:
    (run,) = history(record).latest(1)
    assert run.document()["careful"] == careful
