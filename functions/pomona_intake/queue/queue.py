"""The queue: segments of dirty keys, at most one batch in flight, and every step safe to repeat after a crash."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import random

from pomona_intake.errors import LostRaceError, RunRefusedError
from pomona_intake.queue.documents import ACTIVE, Claim, ClaimedSegment
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause import LineState
from pomona_intake.queue.launch_policy import is_due, restart_delay, retry_delay, take
from pomona_intake.queue.segments import PENDING, Segment, parse_name
from pomona_intake.queue.steps import Report, Step, named
from pomona_intake.runs.emr_client import Phase, Runs, RunState
from pomona_intake.runs.parameters import featurize_parameters
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings
from pomona_intake.times import iso, now, stamp


@dataclass(frozen=True)
class _Held:
    """A claim as it was read or written: changing it needs the etag."""

    claim: Claim
    etag: str


class Queue:
    """The protocol over the lake and the runs.

    Every method raises TransientError when AWS could not answer, and can simply be called again. Of several callers
    at once each either does a step or finds that another has done it.
    """

    def __init__(
        self,
        lake: Lake,
        runs: Runs,
        failed: FailedBatches,
        line: LineState,
        settings: Settings,
        report: Report,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
        chance: Callable[[], float] = random,
    ) -> None:
        self._lake = lake
        self._runs = runs
        self._failed = failed
        self._line = line
        self._settings = settings
        self._report = report
        self._clock = clock
        self._new_id = new_id
        self._chance = chance

    def advance(self) -> None:
        """Settle the batch in flight if its run has ended, and launch the next if one is due.

        Raises:
            FormatError: `queue/active.json` cannot be read; nothing was changed.
        """
        try:
            held = self._held()
            if held is None:
                self._launch_next()
            else:
                self._go_on_with(held)
        except LostRaceError as race:
            self._report(Step("lost a race", details=str(race)))

    def resume(self) -> None:
        """Forget the failures in a row, and let the batch in flight be tried again without waiting any longer.

        Raises:
            FormatError: `queue/active.json` cannot be read.
            LostRaceError: the batch in flight was changed at the same moment.
        """
        held = self._held()
        self._line.clear()
        if held is not None and held.claim.not_before is not None:
            self._replace(held, replace(held.claim, not_before=None))

    def _held(self) -> _Held | None:
        stored = self._lake.read(ACTIVE)
        return _Held(Claim.from_json(stored.body), stored.etag) if stored else None

    def _replace(self, held: _Held, claim: Claim) -> _Held:
        return _Held(claim, self._lake.replace(ACTIVE, claim.to_json(), held.etag))

    def _launch_next(self) -> None:
        pending = self._pending()
        if not is_due(pending, self._clock(), self._settings.launch_at_keys, self._settings.launch_after):
            return
        line = self._line.read()
        if line.is_paused(self._clock()):
            self._report(Step("paused", details=f"until {line.paused_until}: {line.reason}"))
            return
        claim = self._new_claim(take(pending, self._settings.max_keys_per_run))
        held = _Held(claim, self._lake.create(ACTIVE, claim.to_json()))
        self._tell("claimed", claim, f"{claim.keys} keys in {named(claim.names)}")
        self._start(held)

    def _pending(self) -> list[Segment]:
        segments = []
        for name in self._lake.names(PENDING):
            if segment := parse_name(name):
                segments.append(segment)
            else:
                self._report(Step("ignored", details=f"{name} is not a segment"))
        return segments

    def _new_claim(self, segments: Sequence[Segment]) -> Claim:
        moment = self._clock()
        batch_id = f"{stamp(moment)}-{self._new_id()}"
        return Claim(
            batch_id=batch_id,
            attempt=1,
            claimed_at=iso(moment),
            segments=tuple(ClaimedSegment(segment.name, segment.keys) for segment in segments),
            application_id=self._settings.application_id,
            parameters=featurize_parameters(self._settings, batch_id, 1, sum(segment.keys for segment in segments)),
        )

    def _go_on_with(self, held: _Held) -> None:
        claim = held.claim
        if claim.run_id is None:
            if claim.may_start(self._clock()):
                self._start_again(held)
            return
        state = self._runs.state(claim.application_id, claim.run_id)
        if state.phase is not Phase.RUNNING:
            self._report(Step("ended", claim.batch_id, claim.attempt, state.details, state))
        if state.phase is Phase.SUCCEEDED:
            self._settle(held)
        elif state.phase is Phase.FAILED:
            self._recover(held, state)

    def _start_again(self, held: _Held) -> None:
        """Start the attempt, unless whoever made the claim has started it before it could record the run."""
        claim = held.claim
        since = datetime.fromisoformat(claim.claimed_at)
        run_id = self._runs.find(claim.application_id, claim.parameters["name"], since)
        if run_id is None:
            self._start(held)
        else:
            self._record(held, run_id)

    def _start(self, held: _Held) -> None:
        try:
            run_id = self._runs.start(held.claim.parameters, held.claim.token)
        except RunRefusedError as refusal:
            # A wrong setting refuses every batch: this one is kept, and the next call must not try again at once.
            self._attempt_again(held, held.claim.failures, str(refusal), self._restart_delay(held.claim))
        else:
            self._record(held, run_id)

    def _record(self, held: _Held, run_id: str) -> None:
        recorded = self._replace(held, held.claim.started(run_id))
        self._tell("started", recorded.claim, f"run {run_id}")

    def _settle(self, held: _Held) -> None:
        self._line.clear()
        self._close(held)
        self._tell("settled", held.claim)
        self._launch_next()

    def _recover(self, held: _Held, state: RunState) -> None:
        """A run that never reached RUNNING says nothing about its batch, and costs it no attempt."""
        claim = held.claim
        if not state.was_running:
            delay = self._restart_delay(claim)
        else:
            claim = replace(claim, failures=claim.failures + 1)
            delay = self._delay_after_failure(claim, state.details)
        if claim.failures < self._settings.max_attempts:
            raised = self._attempt_again(held, claim.failures, state.details, delay)
            if raised.claim.may_start(self._clock()):
                self._start(raised)
        else:
            self._fail(replace(held, claim=claim), state.details)
            self._launch_next()

    def _restart_delay(self, claim: Claim) -> timedelta:
        restarts = claim.attempt - claim.failures  # the present one is among them
        return restart_delay(restarts, self._settings.retry_after, self._chance())

    def _delay_after_failure(self, claim: Claim, reason: str) -> timedelta:
        """How long the next attempt waits: as the batch's failures ask for, and as long as the line is paused."""
        moment = self._clock()
        line = self._line.note_failure(claim.batch_id, reason, moment)
        if claim.failures >= self._settings.max_attempts:
            return timedelta(0)
        delay = retry_delay(claim.failures, self._settings.max_attempts, self._settings.retry_after, self._chance())
        return max(delay, self._settings.retry_after) if line.is_paused(moment) else delay

    def _attempt_again(self, held: _Held, failures: int, reason: str, delay: timedelta) -> _Held:
        """Built anew from today's settings: the last attempt's application or code may be gone."""
        last = held.claim
        parameters = featurize_parameters(self._settings, last.batch_id, last.attempt + 1, last.keys)
        not_before = iso(self._clock() + delay)
        claim = last.attempted_again(self._settings.application_id, parameters, failures, not_before, reason)
        raised = self._replace(held, claim)
        self._tell("attempted again", claim, f"not before {not_before}: {reason}")
        return raised

    def _fail(self, held: _Held, reason: str) -> None:
        self._failed.set_aside(held.claim, reason)
        self._tell("failed", held.claim, reason)
        self._close(held)

    def _close(self, held: _Held) -> None:
        """The segments go first: a claim that outlives them is closed again, a segment that outlives it runs again."""
        self._lake.delete_all(held.claim.names)
        self._lake.delete(ACTIVE, held.etag)

    def _tell(self, done: str, claim: Claim, details: str = "") -> None:
        self._report(Step(done, claim.batch_id, claim.attempt, details))
