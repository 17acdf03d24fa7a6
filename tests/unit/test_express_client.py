"""Runs of the express lane as the queue sees them: how they are started, and what the lake tells of them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from benchmarks.template import template_settings
from pomona_contract.documents.run_failure import RunFailure
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord
from pomona_contract.lanes import Lane
from pomona_contract.run_names import RunName
from pomona_intake.errors import RunRefusedError, TransientError
from pomona_intake.runs.express_client import ExpressClient, is_express_run
from pomona_intake.runs.parameters import express_parameters, featurize_parameters
from pomona_intake.runs.run_states import Phase
from pomona_intake.s3.lake import Lake
from tests.model.aws import S3, client_error

ROOT = Path(__file__).resolve().parents[2]
NAME = RunName("20261121T080000000Z-0a1b2c3d", 1)
SETTINGS = template_settings(EXPRESS_KEYS="100")
RECORD = RunRecord(
    batch_id=NAME.batch_id,
    attempt=1,
    backbone="b@d",
    started_at="2026-11-21T08:00:00+00:00",
    finished_at="2026-11-21T08:00:02+00:00",
    snapshot_id=7,
    lane=Lane.EXPRESS,
    keys=10,
    images={},
    segments_missing=0,
    bytes=0,
    retries=0,
    maintenance=MaintenanceReport((), ""),
    seconds={"total": 2.4},
    function_gb_seconds=4.147,
)


class Scene:
    """A lake, a clock, and a function that takes every event or answers with an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.s3, self.now = S3(), datetime(2026, 11, 21, 8, tzinfo=UTC)
        self.invoked: list[dict[str, Any]] = []
        self._error = error
        lambda_client = SimpleNamespace(invoke=self._invoke)
        longest = timedelta(seconds=420)
        self.client = ExpressClient(Lake(self.s3, "lake"), lambda_client, "express", longest, lambda: self.now)  # type: ignore[arg-type]

    def _invoke(self, **asked: Any) -> None:
        self.invoked.append(asked)
        if self._error:
            raise self._error

    def start(self) -> str:
        return self.client.start(express_parameters(SETTINGS, NAME.batch_id, 1), "token")

    def write(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="lake", Key=key, Body=body)


def test_a_start_invokes_the_function_with_the_arguments_that_executors_would_get() -> None:
    scene = Scene()
    run_id = scene.start()

    (asked,) = scene.invoked
    event = json.loads(asked["Payload"])
    assert (asked["FunctionName"], asked["InvocationType"]) == ("express", "Event")
    cluster = featurize_parameters(SETTINGS, NAME.batch_id, 1, 30_000)["jobDriver"]["sparkSubmit"]
    assert event == {"name": str(NAME), "arguments": cluster["entryPointArguments"], "express_keys": 100}
    assert is_express_run(run_id)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("ResourceNotFoundException", 404, "Invoke"), RunRefusedError),
        (client_error("InvalidParameterValueException", 400, "Invoke"), RunRefusedError),
        (client_error("AccessDeniedException", 403, "Invoke"), RunRefusedError),
        (client_error("RecursiveInvocationException", 400, "Invoke"), TransientError),
        (client_error("TooManyRequestsException", 429, "Invoke"), TransientError),
        (client_error("ResourceConflictException", 409, "Invoke"), TransientError),
        (client_error("ServiceException", 500, "Invoke"), TransientError),
        (ReadTimeoutError(endpoint_url="lambda"), TransientError),
    ],
)
def test_an_error_of_lambda_is_one_that_heals_or_one_that_does_not(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected, match=str(NAME)):
        Scene(error).start()


def test_a_run_is_running_until_it_leaves_a_document_or_its_time_has_passed() -> None:
    scene = Scene()
    run_id = scene.start()
    scene.now += timedelta(seconds=420)
    assert scene.client.state("app", run_id).phase is Phase.RUNNING

    scene.now += timedelta(milliseconds=1)
    state = scene.client.state("app", run_id)
    assert (state.phase, state.state) == (Phase.FAILED, "FAILED")
    assert "no record within 420 seconds" in state.details


def test_a_run_with_a_record_has_succeeded_even_after_a_failure_or_its_time() -> None:
    scene = Scene()
    run_id = scene.start()
    scene.write(NAME.failure_key, RunFailure(NAME.batch_id, 1, "a second delivery", "now").to_json())
    scene.write(NAME.record_key, json.dumps(RECORD.document()).encode())
    scene.now += timedelta(hours=1)

    state = scene.client.state("app", run_id)
    assert (state.phase, state.seconds, state.name) == (Phase.SUCCEEDED, 2, str(NAME))
    assert state.billed is not None
    assert state.billed.function_gb_hours == pytest.approx(4.147 / 3600)


def test_a_run_with_a_failure_has_failed_for_its_reason() -> None:
    scene = Scene()
    run_id = scene.start()
    scene.write(NAME.failure_key, RunFailure(NAME.batch_id, 1, "it broke", "now", 1.8).to_json())

    state = scene.client.state("app", run_id)
    assert (state.phase, state.details) == (Phase.FAILED, "it broke")
    assert state.billed is not None
    assert state.billed.function_gb_hours == pytest.approx(1.8 / 3600)


@pytest.mark.parametrize("key", [NAME.record_key, NAME.failure_key])
def test_a_document_of_another_release_makes_the_cluster_look_for_itself(key: str) -> None:
    scene = Scene()
    run_id = scene.start()
    scene.write(key, b'{"format": 99}')
    state = scene.client.state("app", run_id)
    assert (state.phase, state.state) == (Phase.FAILED, "FAILED")
    assert "format 99" in state.details


def test_lambda_tells_of_an_invocation_that_crashed() -> None:
    scene = Scene()
    run_id = scene.start()
    scene.client.record_failed_invocation(json.loads((ROOT / "events" / "advance-express-failed.json").read_text()))

    state = scene.client.state("app", run_id)
    assert state.phase is Phase.FAILED
    assert "signal: killed" in state.details
    assert state.billed is None  # Lambda does not tell what a crashed invocation is billed for


@pytest.mark.parametrize(("condition", "ran"), [("EventAgeExceeded", False), ("RetriesExhausted", True)])
def test_an_event_that_lambda_gave_up_is_a_run_that_never_ran(condition: str, ran: bool) -> None:
    # Given what Lambda tells of an event that it handed to the function, or did not in time
    event = json.loads((ROOT / "events" / "advance-express-failed.json").read_text())
    event["requestContext"]["condition"] = condition
    scene = Scene()
    run_id = scene.start()
    scene.client.record_failed_invocation(event)
    # Then only in the one case an image may be the cause
    state = scene.client.state("app", run_id)
    assert (state.phase, state.was_running) == (Phase.FAILED, ran)


def test_the_reason_that_the_function_wrote_itself_stays() -> None:
    scene = Scene()
    scene.write(NAME.failure_key, RunFailure(NAME.batch_id, 1, "it broke", "now").to_json())
    scene.client.record_failed_invocation(json.loads((ROOT / "events" / "advance-express-failed.json").read_text()))

    assert b"it broke" in scene.s3.objects[NAME.failure_key]


@pytest.mark.parametrize("sample", ["advance-express-succeeded", "advance-clock", "advance-run-failed"])
def test_no_other_event_is_a_failure_of_the_express_lane(sample: str) -> None:
    scene = Scene()
    scene.client.record_failed_invocation(json.loads((ROOT / "events" / f"{sample}.json").read_text()))

    assert not scene.s3.objects


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestPayload": {"name": "refit-x"}}, {"a": 1}])
def test_an_odd_event_is_no_failure(event: dict[str, Any]) -> None:
    scene = Scene()
    scene.client.record_failed_invocation(event)
    assert not scene.s3.objects
