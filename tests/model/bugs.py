"""Bugs that the queue's proof must catch: each takes one of the protocol's precautions away."""

from collections.abc import Callable
from typing import Any

import pytest

from intake import queue as queue_module
from intake.documents import Claim, FailedBatch, failed_name
from intake.emr import Phase, Runs, RunState
from intake.errors import LostRaceError, TransientError, transient_errors
from intake.lake import Lake
from intake.queue import Queue
from tests.model.featurize import Table

Bug = Callable[[pytest.MonkeyPatch], None]


def put(lake: Any, name: str, body: bytes) -> str:
    with transient_errors("writing"):
        return lake._client.put_object(Bucket=lake._bucket, Key=name, Body=body)["ETag"]


def without_condition(prefix: str) -> Bug:
    def seed(monkeypatch: pytest.MonkeyPatch) -> None:
        create = Lake.create

        def careless(self: Any, name: str, body: bytes) -> str:
            if not name.startswith(prefix):
                return create(self, name, body)
            return put(self, name, body)

        monkeypatch.setattr(Lake, "create", careless)

    return seed


def careless_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "replace", lambda self, name, body, etag: put(self, name, body))


def careless_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(self: Any, name: str, etag: str) -> None:
        with transient_errors("deleting"):
            self._client.delete_object(Bucket=self._bucket, Key=name)

    monkeypatch.setattr(Lake, "delete", delete)


def early_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Queue._record

    def record_and_delete(self: Any, held: Any, run_id: str) -> None:
        record(self, held, run_id)
        self._lake.delete_all(held.claim.names)

    monkeypatch.setattr(Queue, "_record", record_and_delete)


def early_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Queue.write

    def forgive(self: Any, keys: Any, request_id: str) -> list[str]:
        try:
            return write(self, keys, request_id)
        except TransientError:
            return []

    monkeypatch.setattr(Queue, "write", forgive)


def fixed_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claim, "token", property(lambda claim: claim.batch_id))


def blind_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "may_publish", lambda table, base: True)


def throttled_is_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Runs.state

    def pessimist(self: Any, application_id: str, run_id: str) -> RunState:
        try:
            return state(self, application_id, run_id)
        except TransientError as error:
            return RunState(Phase.FAILED, str(error))

    monkeypatch.setattr(Runs, "state", pessimist)


def conflict_is_existence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PreconditionFailedError", LostRaceError)


def takes_nothing_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    take = queue_module.take

    def strict(pending: Any, max_keys: int) -> Any:
        taken = take(pending, max_keys)
        return taken if sum(segment.keys for segment in taken) <= max_keys else ()

    monkeypatch.setattr(queue_module, "take", strict)


def retry_forgets_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Any, batch_id: str) -> list[str]:
        name = failed_name(batch_id)
        stored = self._lake.read(name)
        if stored is None:
            return []
        self._lake.delete(name, stored.etag)
        return self.write(FailedBatch.from_json(name, stored.body).keys, "retry")

    monkeypatch.setattr(Queue, "retry", hasty)


def shared_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Queue.write
    monkeypatch.setattr(Queue, "write", lambda self, keys, request_id: write(self, keys, "same"))


def never_looks_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runs, "find", lambda *_: None)
