"""Bugs that the queue's proof must catch: each takes one of the protocol's precautions away."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pomona_contract.documents.claim import Claim
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import PENDING_SEGMENTS, file_name
from pomona_contract.lanes import Lane
from pomona_contract.segments import new_segments
from pomona_intake.errors import LostRaceError, TransientError, transient_errors
from pomona_intake.queue import failed_batches, queue, segment_writer
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.express_client import ExpressClient
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from tests.model import express
from tests.model.express import ExpressRun
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
    write = SegmentWriter.write

    def forgive(self: Any, keys: Any, request_id: str) -> list[str]:
        try:
            return write(self, keys, request_id)
        except TransientError:
            return []

    monkeypatch.setattr(SegmentWriter, "write", forgive)


def fixed_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claim, "token", property(lambda claim: claim.batch_id))


def blind_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "may_publish", lambda table, base: True)


def throttled_is_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    state = EmrClient.state

    def pessimist(self: Any, application_id: str, run_id: str) -> RunState:
        try:
            return state(self, application_id, run_id)
        except TransientError as error:
            return RunState(Phase.FAILED, str(error))

    monkeypatch.setattr(EmrClient, "state", pessimist)


def conflict_is_existence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_writer, "PreconditionFailedError", LostRaceError)


def takes_nothing_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    due_launch = queue.due_launch

    def strict(pending: Any, now: Any, limits: Any) -> Any:
        launch = due_launch(pending, now, limits)
        fits = launch and sum(segment.keys for segment in launch.segments) <= limits.max_keys_per_run
        return launch if fits else None

    monkeypatch.setattr(queue, "due_launch", strict)


def moves_by_deleting_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def move(self: Any, targets: Any) -> None:
        bodies = {target: self.read(name) for name, target in targets.items()}
        self.delete_all(list(targets))
        for target, stored in bodies.items():
            if stored:
                put(self, target, stored.body)

    monkeypatch.setattr(Lake, "move", move)


def puts_back_under_the_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_batches, "retried_segment_name", lambda name, *_: PENDING_SEGMENTS + file_name(name))


def shared_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    write = SegmentWriter.write
    monkeypatch.setattr(SegmentWriter, "write", lambda self, keys, request_id: write(self, keys, "same"))


def never_looks_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmrClient, "find", lambda *_: None)


def tries_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claim, "may_start", lambda claim, moment: True)


def counts_a_run_that_never_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    state = EmrClient.state

    def blaming(self: Any, application_id: str, run_id: str) -> RunState:
        found = state(self, application_id, run_id)
        return RunState(**{**vars(found), "was_running": True})

    monkeypatch.setattr(EmrClient, "state", blaming)


def never_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FailurePause, "is_paused", lambda line, moment: False)


def a_refusal_costs_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt_again = Queue._attempt_again

    def blaming(self: Any, held: Any, failures: int, reason: str, delay: Any, closed_run: Any = None) -> Any:
        if held.claim.run_id is not None:
            return attempt_again(self, held, failures, reason, delay, closed_run)
        if failures + 1 < self._settings.max_attempts:
            return attempt_again(self, held, failures + 1, reason, delay)
        self._fail(held, RunState(Phase.FAILED, reason))
        return held

    monkeypatch.setattr(Queue, "_attempt_again", blaming)


def appends_to_any_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "may_append", lambda table, base: True)


def defers_after_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    defer, record = ExpressRun._defer, ExpressRun._record
    monkeypatch.setattr(ExpressRun, "_defer", lambda run: setattr(run, "_next", run._check_fence))

    def late(run: Any) -> None:
        defer(run)
        run.over = True

    def early(run: Any) -> None:
        record(run)
        run.over, run._next = False, lambda: late(run)

    monkeypatch.setattr(ExpressRun, "_record", early)


def commits_nothing_when_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = ExpressRun._commit

    def only_if_new(run: Any) -> None:
        if any(run._new.values()):
            commit(run)
        else:
            run._next = run._record

    monkeypatch.setattr(ExpressRun, "_commit", only_if_new)


def defers_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(express, "deferred_segments", new_segments)


def a_failed_express_run_costs_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    recover = Queue._recover

    def blaming(self: Any, held: Any, state: RunState) -> None:
        if held.claim.lane is Lane.EXPRESS and self._settings.max_attempts == 1:
            self._fail(held, state)
        else:
            recover(self, held, state)

    monkeypatch.setattr(Queue, "_recover", blaming)


def the_express_lane_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempted_again = Claim.attempted_again

    def on_the_same_lane(claim: Any, application: str, parameters: Any, *others: Any, **named: Any) -> Any:
        again = attempted_again(claim, application, parameters, *others, **named)
        if claim.lane is not Lane.EXPRESS:
            return again
        same = {**claim.parameters, "name": parameters["name"]}
        return replace(again, lane=Lane.EXPRESS, parameters=same)

    monkeypatch.setattr(Claim, "attempted_again", on_the_same_lane)


def gives_up_an_express_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExpressClient, "state", lambda *_: RunState(Phase.FAILED, "no record"))
