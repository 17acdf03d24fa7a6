"""A featurize run says how far it is, and fails in no case because of it."""

import json
import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from pomona.featurize import progress
from pomona.featurize.counters import TaskCounters
from pomona.featurize.progress import ProgressReport, written_regularly
from pomona_contract.documents.run_progress import RunProgress
from pomona_contract.lake_layout import RUN_PROGRESS
from pomona_contract.outcomes import Outcome

ARGUMENTS: Any = SimpleNamespace(lake_bucket="lake", batch_id="b", attempt=2)


class Run:
    """The tasks of a run that have ended, and the documents that it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: dict[int, TaskCounters] = {}
        self.documents: list[dict[str, Any]] = []
        self.wrote = threading.Event()
        self.report = ProgressReport(ARGUMENTS, 500, lambda: self.tasks, lambda: 3)
        monkeypatch.setattr(progress, "write_json", self._write)

    def _write(self, bucket: str, key: str, document: dict[str, Any]) -> None:
        assert (bucket, key) == ("lake", RUN_PROGRESS)
        self.documents.append(document)
        self.wrote.set()

    def ends(self, task: int, **counts: int) -> None:
        self.tasks[task] = TaskCounters(Counter({Outcome[name.upper()]: count for name, count in counts.items()}))


def test_the_keys_of_ended_tasks_are_counted_and_the_same_number_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a run of which no task has ended, then nothing is written
    run = Run(monkeypatch)
    run.report.write_if_changed()
    assert not run.documents
    # When tasks end
    run.ends(0, done=240, errors=10)
    run.report.write_if_changed()
    run.report.write_if_changed()
    run.ends(1, unchanged=3, deleted=1, absent=1)
    run.report.write_if_changed()
    # Then each number is written once, whatever became of the keys
    assert [document["done"] for document in run.documents] == [250, 255]
    assert {name: run.documents[1][name] for name in ("format", "batch_id", "attempt", "keys", "workers")} == {
        "format": 1,
        "batch_id": "b",
        "attempt": 2,
        "keys": 500,
        "workers": 3,
    }


def test_it_is_written_while_the_block_runs_and_not_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    run.ends(0, done=1)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.001)
    with written_regularly(run.report):
        assert run.wrote.wait(60)
    run.ends(1, done=1)
    assert [document["done"] for document in run.documents] == [1]
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_a_refused_write_is_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(monkeypatch)

    def refuse(*_: Any) -> None:
        raise OSError("S3 says no")

    monkeypatch.setattr(progress, "write_json", refuse)
    run.ends(0, done=1)
    run.report.write_if_changed()
    assert "the progress could not be written: S3 says no" in caplog.text


def test_a_reader_gets_what_was_written() -> None:
    written = RunProgress(batch_id="b", attempt=1, keys=2, done=1, workers=2, at="2026-11-21T08:00:00+00:00")
    assert RunProgress.from_json(json.dumps(written.document()).encode()) == written
