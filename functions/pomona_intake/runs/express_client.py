"""Start runs of the function `express`, and tell from the lake how they ended.

Lambda tells nobody how an asynchronous invocation went. So a run has succeeded when its record is in the lake, and has
failed when its failure is there, or when so much time has passed that the function cannot be running any more.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pomona_contract.documents.run_failure import RunFailure
from pomona_contract.documents.run_record import RunRecord
from pomona_contract.errors import FormatError
from pomona_contract.prices import BilledHours
from pomona_contract.run_names import RunName
from pomona_contract.times import now, stamp, unstamp
from pomona_intake.errors import LostRaceError, RunRefusedError, TransientError, code_of, transient_errors
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda.client import LambdaClient

GIVEN_UP = "EventAgeExceeded"
"""The condition of an event that Lambda did not hand to the function in time (Lambda's guide, as below)."""
_RUN_ID = "express:"
_REFUSALS = {
    "AccessDeniedException",
    "InvalidParameterValueException",
    "RequestTooLargeException",
    "ResourceNotFoundException",
}
# the function is being updated; or Lambda takes the chain of runs for an endless loop, and another invocation goes on
_CONFLICTS = {"ResourceConflictException", "RecursiveInvocationException"}
_SECONDS_PER_HOUR = 3600


def is_express_run(run_id: str) -> bool:
    """Return True for the id of a run of the express lane, False for one of EMR Serverless."""
    return run_id.startswith(_RUN_ID)


class ExpressClient:
    """Runs of the function `express`. Every method raises TransientError when AWS could not answer."""

    def __init__(
        self,
        lake: Lake,
        client: "LambdaClient",
        function_name: str,
        longest: timedelta,
        clock: "Callable[[], datetime]" = now,
    ) -> None:
        """Set the function, and the time after which a run that left no document has failed."""
        self._lake = lake
        self._client = client
        self._function_name = function_name
        self._longest = longest
        self._clock = clock

    def start(self, parameters: Mapping[str, Any], token: str) -> str:  # noqa: ARG002 - Lambda knows no tokens
        """Invoke the function asynchronously and return an id that says which run it is and when it was started.

        A second start of one attempt is harmless: the table refuses the commit of the later one.

        Raises:
            RunRefusedError: there is no such function, or it does not take this event.
        """
        payload = json.dumps(parameters).encode()
        try:
            with transient_errors(f"starting {parameters['name']}"):
                self._client.invoke(FunctionName=self._function_name, InvocationType="Event", Payload=payload)
        except ClientError as error:
            if code_of(error) in _REFUSALS:
                raise RunRefusedError(f"starting {parameters['name']}: {error}") from error
            if code_of(error) in _CONFLICTS:
                raise TransientError(f"starting {parameters['name']}: {error}") from error
            raise
        return f"{_RUN_ID}{parameters['name']}:{stamp(self._clock())}"

    def find(self, application_id: str, name: str, since: datetime) -> str | None:  # noqa: ARG002 - of the other lane
        """Return None: nobody knows whether an invocation was accepted whose answer was lost."""
        return None

    def state(self, application_id: str, run_id: str) -> RunState:  # noqa: ARG002 - of the other lane
        """Return the state of a run."""
        text, _, moment = run_id.removeprefix(_RUN_ID).rpartition(":")
        name = RunName.parse(text)
        if name is None:
            return RunState(Phase.FAILED, f"{run_id} is not the id of an express run", run_id)
        try:
            if (stored := self._lake.read(name.record_key)) is not None:
                return _succeeded(run_id, RunRecord.from_json(name.record_key, stored.body))
            if (stored := self._lake.read(name.failure_key)) is not None:
                return _failed(run_id, RunFailure.from_json(name.failure_key, stored.body))
        except FormatError as error:  # of another release: the cluster finds what is done, and does the rest
            return RunState(Phase.FAILED, str(error), run_id, text, "FAILED", was_running=True)
        if self._clock() - unstamp(moment) <= self._longest:
            return RunState(Phase.RUNNING, "", run_id, text, "RUNNING")
        reason = f"the function express left no record within {self._longest.total_seconds():.0f} seconds"
        return RunState(Phase.FAILED, reason, run_id, text, "FAILED", was_running=True)  # or nobody knows

    def record_failed_invocation(self, event: Mapping[str, Any]) -> None:
        """Write that a run has failed, if the event is what Lambda sends to a destination after a failure.

        The function itself writes a better reason, unless it crashed or timed out: what is there stays.
        The form of the event is in Lambda's guide, "Retaining records of asynchronous invocations".
        """
        condition = (event.get("requestContext") or {}).get("condition", "Success")
        name = RunName.parse(str((event.get("requestPayload") or {}).get("name", "")))
        if condition == "Success" or name is None:
            return
        answer = event.get("responsePayload") or {}
        reason = f"the function express failed ({condition}): {answer.get('errorMessage', 'it gave no reason')}"
        ran = condition != GIVEN_UP
        failure = RunFailure(
            name.batch_id, name.attempt, reason, self._clock().isoformat(), None if ran else 0.0, ran=ran
        )
        with suppress(LostRaceError):
            self._lake.create(name.failure_key, failure.to_json())


def _succeeded(run_id: str, record: RunRecord) -> RunState:
    return RunState(
        Phase.SUCCEEDED,
        "the function express has written its record",
        run_id,
        str(RunName(record.batch_id, record.attempt)),
        "SUCCESS",
        round(record.seconds["total"]),
        _billed(record.function_gb_seconds),
        was_running=True,
    )


def _failed(run_id: str, failure: RunFailure) -> RunState:
    name = str(RunName(failure.batch_id, failure.attempt))
    seconds = failure.function_gb_seconds
    billed = None if seconds is None else _billed(seconds)
    return RunState(Phase.FAILED, failure.reason, run_id, name, "FAILED", None, billed, was_running=failure.ran)


def _billed(function_gb_seconds: float) -> BilledHours:
    return BilledHours(0.0, 0.0, 0.0, function_gb_seconds / _SECONDS_PER_HOUR)
