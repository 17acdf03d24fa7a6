"""One invocation of the function `express`: what it answers, and what it leaves in the lake when its run fails."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pomona.errors import MisconfiguredError, PublishRefusedError, SupersededError
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.run_failure import RunFailure
from pomona_contract.run_names import RunName
from pomona_express import invocation

EVENT = json.loads((Path(__file__).resolve().parents[2] / "events" / "express-not-in-flight.json").read_text())
NAME = RunName("20261121T080000000Z-0a1b2c3d", 1)


class Scene:
    """A run that ends in a given way, and the objects that the invocation writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, outcome: Exception | None) -> None:
        self.written: dict[str, bytes] = {}
        self.asked: list[Any] = []
        self._outcome = outcome
        monkeypatch.setattr(invocation, "_with_backbone", lambda arguments: arguments)
        monkeypatch.setattr(invocation, "featurize_express", self._run)
        monkeypatch.setattr(invocation, "write_bytes", lambda _bucket, key, body: self.written.update({key: body}))

    def _run(self, arguments: Any, limits: Any, _stopwatch: Stopwatch) -> None:
        self.asked.append((arguments, limits))
        if self._outcome:
            raise self._outcome

    def invoke(self) -> invocation.Answer:
        return invocation.carry_out(EVENT, invocation.Function(1769, 300.0), Stopwatch())

    def failure(self) -> RunFailure:
        ((key, body),) = self.written.items()
        assert key == NAME.failure_key
        return RunFailure.from_json(key, body)


def test_the_event_becomes_the_arguments_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, None)
    answer = scene.invoke()

    ((arguments, limits),) = scene.asked
    assert (arguments.run_name, arguments.careful) == (NAME, False)
    assert (limits.keys, limits.megabytes) == (100, 1769)
    assert 200 < limits.until - time.monotonic() <= 210
    assert (answer.run, answer.done) == (str(NAME), True)
    assert not scene.written


def test_a_superseded_run_leaves_nothing_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, SupersededError("another batch is in flight"))
    assert not scene.invoke().done
    assert not scene.written


def test_a_refused_publication_is_no_error_of_the_function_but_the_run_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch, PublishRefusedError("the table changed"))
    assert not scene.invoke().done
    assert "the table changed" in scene.failure().reason


@pytest.mark.parametrize(
    "error", [MisconfiguredError("somebody has partitioned the table"), RuntimeError(), OSError(5)]
)
def test_any_other_error_is_one_of_the_function_too(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    scene = Scene(monkeypatch, error)
    with pytest.raises(type(error)):
        scene.invoke()

    failure = scene.failure()
    assert failure.reason.startswith(type(error).__name__)
    assert (failure.batch_id, failure.attempt) == (NAME.batch_id, 1)
