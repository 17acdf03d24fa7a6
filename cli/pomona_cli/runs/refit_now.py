"""A refit that the operator asks for: the deployed function decides and starts it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pomona_cli.errors import CliError
from pomona_cli.runs.history import RunHistory
from pomona_cli.stack.stack import Stack

_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class RefitAnswer:
    """What the refit function answered."""

    run_id: str | None  # that it started, or an earlier invocation for the same time
    reason: str
    unfinished_run_id: str | None  # because of which it started none

    @property
    def run_to_wait_for(self) -> str | None:
        """Return the run that was started or is unfinished; None if there is neither."""
        return self.run_id or self.unfinished_run_id


@dataclass(frozen=True)
class EndedRefit:
    """A refit that has ended."""

    name: str
    state: str
    seconds: float | None
    details: str


def invoke_refit(stack: Stack) -> RefitAnswer:
    """Have the deployed `refit` start a run if one is due, before the next time of its schedule.

    Raises:
        CliError: the function failed.
    """
    answer = stack.client("lambda").invoke(FunctionName=stack.refit_function, Payload=b"{}")
    body: Any = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError") or not isinstance(body, dict):
        reason = body.get("errorMessage") if isinstance(body, dict) else body
        raise CliError(f"The function {stack.refit_function} failed: {reason}. Its log group has the whole error.")
    return RefitAnswer(body.get("run_id"), str(body.get("reason", "")), body.get("unfinished_run_id"))


def wait_for_refit(stack: Stack, run_id: str, on_state: Callable[[str, str], None]) -> EndedRefit:
    """Wait until a refit has ended, and return it.

    Args:
        stack: the stack.
        run_id: the run.
        on_state: is called with the run's name and its state when that has changed.
    """
    emr, shown = stack.client("emr-serverless"), ""
    while True:
        run = emr.get_job_run(applicationId=stack.application_id, jobRunId=run_id)["jobRun"]
        name, state = str(run.get("name", run_id)), str(run["state"])
        if state in RunHistory.ENDED:
            return EndedRefit(name, state, run.get("totalExecutionDurationSeconds"), run.get("stateDetails") or "")
        if state != shown:
            on_state(name, state)
            shown = state
        time.sleep(_SECONDS_BETWEEN_LOOKS)
