"""`pomona status`: one look at the queue, the runs and the erasures of a stack."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from pomona_cli.alarms import ActiveAlarm, active_alarms
from pomona_cli.erasures import erasure_summary, erasures
from pomona_cli.queue_reading import Pending, failed_batches, pending, waiting_events
from pomona_cli.run_history import LastRefit, Run, RunHistory
from pomona_cli.stack import Stack
from pomona_contract.documents.claim import Claim
from pomona_contract.documents.erasure import Erasure
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.errors import FormatError
from pomona_contract.times import iso, now
from pomona_intake.errors import code_of
from pomona_intake.queue.claim_repair import read_claim

SHOWN_RUNS = 5
SHOWN_FAILED = 10
_TOLD_OF_A_CLAIM = (
    "batch_id",
    "attempt",
    "failures",
    "claimed_at",
    "not_before",
    "last_failure",
    "keys",
    "run_id",
)


@dataclass(frozen=True)
class InFlight:
    """The batch in flight and what EMR Serverless says of its run."""

    claim: Claim
    state: str
    details: str
    started_at: datetime | None

    def document(self) -> dict[str, Any]:
        claim = {name: getattr(self.claim, name) for name in _TOLD_OF_A_CLAIM}
        return {**claim, "segments": len(self.claim.segments), "state": self.state, "details": self.details}


@dataclass(frozen=True)
class Status:
    """What `pomona status` shows."""

    stack: str
    events: int | None  # of the bucket, that wait to become pending keys; None if these credentials may not see them
    pending: Pending
    in_flight: InFlight | None
    problem: str  # why the batch in flight cannot be told; else empty
    line: FailurePause
    runs: list[Run]
    last_refit: LastRefit | None
    failed: list[FailedBatch]
    more_failed: int
    erasures: list[Erasure]
    alarms: list[ActiveAlarm] | None  # that are on; None if these credentials may not see them
    at: datetime

    @property
    def oldest_seconds(self) -> float | None:
        """How long the oldest pending key has waited."""
        return (self.at - self.pending.oldest_at).total_seconds() if self.pending.oldest_at else None

    def document(self) -> dict[str, Any]:
        """For --json."""
        return {
            "stack": self.stack,
            "at": iso(self.at),
            "events": self.events,
            "pending": {**asdict(self.pending), "oldest_seconds": self.oldest_seconds},
            "in_flight": self.in_flight.document() if self.in_flight else None,
            "problem": self.problem,
            "line": {**asdict(self.line), "is_paused": self.line.is_paused(self.at)},
            "runs": [run.document() for run in self.runs],
            "last_refit": self.last_refit.document() if self.last_refit else None,
            "failed_batches": [_failed_document(batch) for batch in self.failed],
            "more_failed_batches": self.more_failed,
            "open_erasures": [erasure_summary(erasure) for erasure in self.erasures],
            "alarms": None if self.alarms is None else [alarm.document() for alarm in self.alarms],
        }


def look(stack: Stack) -> Status:
    """Read everything, side by side."""
    history = RunHistory(stack)
    with ThreadPoolExecutor(8) as pool:
        events, alarms = pool.submit(waiting_events, stack), pool.submit(active_alarms, stack)
        claimed, line = pool.submit(_claim, stack), pool.submit(stack.line().read)
        runs, refit = pool.submit(history.latest, SHOWN_RUNS), pool.submit(history.last_refit)
        failed_ids, opened = pool.submit(stack.failed.ids), pool.submit(erasures, stack)
        claim, problem = claimed.result()
        waiting, flying = pool.submit(pending, stack, claim), pool.submit(_in_flight, stack, claim)
        ids = failed_ids.result()
        return Status(
            stack=stack.place.stack,
            events=events.result(),
            pending=waiting.result(),
            in_flight=flying.result(),
            problem=problem,
            line=line.result(),
            runs=runs.result(),
            last_refit=refit.result(),
            failed=failed_batches(stack, ids[-SHOWN_FAILED:]),
            more_failed=max(len(ids) - SHOWN_FAILED, 0),
            erasures=[erasure for erasure in opened.result() if not erasure.is_final],
            alarms=alarms.result(),
            at=now(),
        )


def _claim(stack: Stack) -> tuple[Claim | None, str]:
    """The batch in flight, or why its document cannot be read."""
    try:
        return read_claim(stack.lake), ""
    except FormatError as error:
        return None, str(error)


def _not_started(claim: Claim) -> InFlight:
    if claim.may_start(now()):
        return InFlight(claim, "not started", "the next look at the queue starts it", None)
    return InFlight(claim, "waiting", f"not before {claim.not_before}: {claim.last_failure}", None)


def _in_flight(stack: Stack, claim: Claim | None) -> InFlight | None:
    if claim is None:
        return None
    if claim.run_id is None:
        return _not_started(claim)
    try:
        emr = stack.client("emr-serverless")
        run = emr.get_job_run(applicationId=claim.application_id, jobRunId=claim.run_id)["jobRun"]
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return InFlight(claim, "gone", "the run or its application no longer exists", None)
        raise
    return InFlight(claim, run["state"], run.get("stateDetails") or "", run["createdAt"])


def _failed_document(batch: FailedBatch) -> dict[str, Any]:
    return asdict(batch)
