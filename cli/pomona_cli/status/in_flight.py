"""The batch in flight and the state of its run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from pomona_cli.runs.cost_so_far import CostSoFar, cost_so_far
from pomona_cli.stack.stack import Stack
from pomona_contract.documents.claim import Claim
from pomona_contract.documents.run_progress import RunProgress
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import RUN_PROGRESS
from pomona_contract.lanes import Lane
from pomona_contract.times import now
from pomona_intake.errors import code_of
from pomona_intake.queue.claim_repair import read_claim

_CLAIM_FIELDS = (
    "batch_id",
    "attempt",
    "failures",
    "claimed_at",
    "not_before",
    "last_failure",
    "keys",
    "run_id",
    "lane",
)


@dataclass(frozen=True)
class InFlight:
    """The batch in flight and the state of its run in EMR Serverless."""

    claim: Claim
    state: str
    details: str
    started_at: datetime | None
    progress: RunProgress | None = None
    cost: CostSoFar | None = None

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        claim = {name: getattr(self.claim, name) for name in _CLAIM_FIELDS}
        return {**claim, "segments": len(self.claim.segments), "state": self.state, "details": self.details} | {
            "done": self.progress.done if self.progress else None,
            "cost_so_far": vars(self.cost) if self.cost else None,
        }


def read_claim_or_problem(stack: Stack) -> tuple[Claim | None, str]:
    """Return the claim of the batch in flight, or None and why its document cannot be read."""
    try:
        return read_claim(stack.lake), ""
    except FormatError as error:
        return None, str(error)


def find_in_flight(stack: Stack, claim: Claim | None) -> InFlight | None:
    """Return the batch of the claim with the state of its run, None without a claim."""
    if claim is None:
        return None
    if claim.run_id is None:
        return _without_a_run(claim)
    if claim.lane is Lane.EXPRESS:
        return _on_the_express_lane(stack, claim, claim.run_id)
    try:
        emr = stack.client("emr-serverless")
        run = emr.get_job_run(applicationId=claim.application_id, jobRunId=claim.run_id)["jobRun"]
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return InFlight(claim, "gone", "the run or its application no longer exists", None)
        raise
    state, details = run["state"], run.get("stateDetails") or ""
    if state != "RUNNING":
        return InFlight(claim, state, details, run["createdAt"])
    started_at = run.get("startedAt") or run["createdAt"]
    progress = _progress_of(stack, claim)
    cost = cost_so_far(stack.location.region, started_at, now(), progress.workers if progress else None)
    return InFlight(claim, state, details, started_at, progress, cost)


def _on_the_express_lane(stack: Stack, claim: Claim, run_id: str) -> InFlight:
    run = stack.express_runs.state(claim.application_id, run_id)
    return InFlight(claim, run.state, run.details or "on the express lane", datetime.fromisoformat(claim.claimed_at))


def _progress_of(stack: Stack, claim: Claim) -> RunProgress | None:
    """Return how far the run is; None if it has not said so yet, or in a way that this release cannot read."""
    try:
        stored = stack.lake.read(RUN_PROGRESS)
        progress = RunProgress.from_json(stored.body) if stored else None
    except FormatError:
        return None
    is_own = progress and (progress.batch_id, progress.attempt) == (claim.batch_id, claim.attempt)
    return progress if is_own else None


def _without_a_run(claim: Claim) -> InFlight:
    if claim.may_start(now()):
        return InFlight(claim, "not started", "the next invocation of advance starts it", None)
    return InFlight(claim, "waiting", f"not before {claim.not_before}: {claim.last_failure}", None)
