"""The status of a stack: its queue, runs, alarms and erasures."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pomona_cli.erasures.request import erasure_summary, unfinished_erasures
from pomona_cli.queue.state import PendingKeys, dead_letters, failed_batches, pending_keys, waiting_events
from pomona_cli.runs.history import RunHistory
from pomona_cli.runs.run import LastRefit, Run
from pomona_cli.stack.stack import Stack
from pomona_cli.status.alarms import ActiveAlarm, active_alarms
from pomona_cli.status.in_flight import InFlight, find_in_flight, read_claim_or_problem
from pomona_cli.status.refit_schedule import RefitSchedule, read_refit_schedule
from pomona_cli.status.refit_state import RefitInFlight, read_nothing_to_fit, refit_in_flight, report_address
from pomona_cli.status.table_facts import RefitCounts, TableFacts, read_table_facts
from pomona_contract.documents.erasure import Erasure
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.times import iso, now

SHOWN_RUNS = 5
SHOWN_FAILED = 10
_REQUESTS_AT_ONCE = 16


@dataclass(frozen=True)
class StackStatus:
    """What `pomona status` shows."""

    stack: str
    events: int | None  # bucket events in SQS; None without the permission to see them
    pending: PendingKeys
    in_flight: InFlight | None
    problem: str  # why the document of the batch in flight cannot be read; else empty
    pause: FailurePause
    runs: list[Run]
    last_refit: LastRefit | None
    failed: list[FailedBatch]
    more_failed: int
    erasures: list[Erasure]
    alarms: list[ActiveAlarm] | None  # that are on; None without the permission to see them
    dead_letters: int | None  # None without the permission to see them
    table: TableFacts | None  # None without the permission to see it
    refit: RefitInFlight | None
    schedule: RefitSchedule | None  # None without the permission to see it
    nothing_to_fit: NothingToFit | None
    report: str | None  # the address of the newest report
    at: datetime

    @property
    def oldest_seconds(self) -> float | None:
        """How long the oldest pending key has waited."""
        return (self.at - self.pending.oldest_at).total_seconds() if self.pending.oldest_at else None

    @property
    def counts(self) -> RefitCounts | None:
        """What the last refit counted in the table."""
        return RefitCounts.of(self.last_refit.latest) if self.last_refit else None

    @property
    def needs_refit(self) -> bool | None:
        """Whether rows have changed since the last refit; None if that is not known."""
        fitted = self.last_refit.latest["snapshot_id"] if self.last_refit else None
        return self.table.needs_refit(fitted) if self.table else None

    def document(self) -> dict[str, Any]:
        """Return the fields for --json."""
        return {
            "stack": self.stack,
            "at": iso(self.at),
            "events": self.events,
            "pending": {**asdict(self.pending), "oldest_seconds": self.oldest_seconds},
            "in_flight": self.in_flight.document() if self.in_flight else None,
            "problem": self.problem,
            "pause": {**asdict(self.pause), "is_paused": self.pause.is_paused(self.at)},
            "runs": [run.document() for run in self.runs],
            "last_refit": self.last_refit.document() if self.last_refit else None,
            "failed_batches": [asdict(batch) for batch in self.failed],
            "more_failed_batches": self.more_failed,
            "open_erasures": [erasure_summary(erasure) for erasure in self.erasures],
            "alarms": None if self.alarms is None else [alarm.document() for alarm in self.alarms],
            "dead_letters": self.dead_letters,
            "images": self.table.images if self.table else None,
            "at_the_last_refit": self.counts.document() if self.counts else None,
            "refit": self.refit.document() if self.refit else None,
            "next_refit": self.schedule.document() if self.schedule else None,
            "needs_refit": self.needs_refit,
            "nothing_to_fit": asdict(self.nothing_to_fit) if self.nothing_to_fit else None,
            "report": self.report,
        }


def read_status(stack: Stack) -> StackStatus:
    """Read everything that the status shows, in parallel."""
    history, at = RunHistory(stack), now()
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        events, alarms = pool.submit(waiting_events, stack), pool.submit(active_alarms, stack)
        claimed, pause = pool.submit(read_claim_or_problem, stack), pool.submit(stack.pauses().read)
        runs, refit = pool.submit(history.latest, SHOWN_RUNS), pool.submit(history.last_refit)
        dead, table = pool.submit(dead_letters, stack), pool.submit(read_table_facts, stack)
        schedule, nothing = pool.submit(read_refit_schedule, stack), pool.submit(read_nothing_to_fit, stack)
        failed_ids, erasures = pool.submit(stack.failed.ids), pool.submit(unfinished_erasures, stack)
        claim, problem = claimed.result()
        pending, in_flight = pool.submit(pending_keys, stack, claim), pool.submit(find_in_flight, stack, claim)
        ids = failed_ids.result()
        return StackStatus(
            stack=stack.location.stack,
            events=events.result(),
            pending=pending.result(),
            in_flight=in_flight.result(),
            problem=problem,
            pause=pause.result(),
            runs=runs.result(),
            last_refit=refit.result(),
            failed=failed_batches(stack, ids[-SHOWN_FAILED:]),
            more_failed=max(len(ids) - SHOWN_FAILED, 0),
            erasures=[erasure for erasure in erasures.result() if not erasure.is_final],
            alarms=alarms.result(),
            dead_letters=dead.result(),
            table=table.result(),
            refit=refit_in_flight(runs.result(), stack.location.region, at),
            schedule=schedule.result(),
            nothing_to_fit=nothing.result(),
            report=report_address(stack.lake_bucket, refit.result()),
            at=at,
        )
