"""The queue: segments of dirty keys, at most one batch in flight. Every step may be repeated after a crash."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import random

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM, PENDING_SEGMENTS
from pomona_contract.lanes import Lane
from pomona_contract.run_names import new_batch_id
from pomona_contract.segments import Segment, parse_segment_name
from pomona_contract.times import iso, now
from pomona_intake.errors import LostRaceError, RunRefusedError
from pomona_intake.queue.activity import Activity, ActivityListener, listed_segments
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.launch_policy import Launch, LaunchLimits, due_launch, restart_delay, retry_delay
from pomona_intake.runs.parameters import express_parameters, featurize_parameters
from pomona_intake.runs.run_states import Phase, RunClient, RunState
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings


@dataclass(frozen=True)
class _Held:
    """A claim as it was read or written, with the etag that a change of it needs."""

    claim: Claim
    etag: str


class Queue:
    """The queue's protocol over the lake and the runs.

    Every method raises TransientError when AWS could not answer, and may then be called again. If several callers run
    at once, each step is done by one of them, and the others find it done.
    """

    def __init__(
        self,
        lake: Lake,
        runs: Mapping[Lane, RunClient],
        failed: FailedBatches,
        pauses: FailurePauseStore,
        settings: Settings,
        report: ActivityListener,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
        chance: Callable[[], float] = random,
    ) -> None:
        self._lake = lake
        self._runs = runs
        self._failed = failed
        self._pauses = pauses
        self._settings = settings
        self._report = report
        self._clock = clock
        self._new_id = new_id
        self._chance = chance

    def advance(self) -> None:
        """Settle the batch in flight if its run has ended, and launch the next batch if one is due.

        Raises:
            FormatError: `queue/active.json` cannot be read; nothing was changed.
        """
        try:
            held = self._held()
            if held is None:
                self._launch_next()
            else:
                self._continue(held)
        except LostRaceError as race:
            self._report(Activity("lost a race", details=str(race)))

    def resume(self) -> None:
        """End a pause after failures, and let the batch in flight start its next attempt without further waiting.

        Raises:
            FormatError: `queue/active.json` cannot be read.
            LostRaceError: another caller changed the batch in flight at the same moment.
        """
        held = self._held()
        self._pauses.clear()
        if held is not None and held.claim.not_before is not None:
            self._replace(held, replace(held.claim, not_before=None))

    def _held(self) -> _Held | None:
        stored = self._lake.read(CLAIM)
        return _Held(Claim.from_json(stored.body), stored.etag) if stored else None

    def _replace(self, held: _Held, claim: Claim) -> _Held:
        return _Held(claim, self._lake.replace(CLAIM, claim.to_json(), held.etag))

    def _launch_next(self) -> None:
        limits = LaunchLimits(
            self._settings.launch_at_keys,
            self._settings.launch_after,
            self._settings.max_keys_per_run,
            self._settings.express_keys,
        )
        launch = due_launch(self._pending(), self._clock(), limits)
        if launch is None:
            return
        pause = self._pauses.read()
        if pause.is_paused(self._clock()):
            self._report(Activity("paused", details=f"until {pause.paused_until}: {pause.reason}"))
            return
        claim = self._new_claim(launch)
        held = _Held(claim, self._lake.create(CLAIM, claim.to_json()))
        self._report_claim("claimed", claim, f"{claim.keys} keys in {listed_segments(claim.names)}")
        self._start(held)

    def _pending(self) -> list[Segment]:
        segments = []
        for name in self._lake.names(PENDING_SEGMENTS):
            if segment := parse_segment_name(name):
                segments.append(segment)
            else:
                self._report(Activity("ignored", details=f"{name} is not a segment"))
        return segments

    def _new_claim(self, launch: Launch) -> Claim:
        moment = self._clock()
        batch_id = new_batch_id(moment, self._new_id())
        if launch.lane is Lane.EXPRESS:
            parameters = express_parameters(self._settings, batch_id, 1)
        else:
            keys = sum(segment.keys for segment in launch.segments)
            parameters = featurize_parameters(self._settings, batch_id, 1, keys)
        return Claim(
            batch_id=batch_id,
            attempt=1,
            claimed_at=iso(moment),
            segments=tuple(ClaimedSegment(segment.name, segment.keys) for segment in launch.segments),
            application_id=self._settings.application_id,
            parameters=parameters,
            lane=launch.lane,
        )

    def _continue(self, held: _Held) -> None:
        claim = held.claim
        if claim.run_id is None:
            if claim.may_start(self._clock()):
                self._start_again(held)
            return
        state = self._runs[claim.lane].state(claim.application_id, claim.run_id)
        if state.phase is not Phase.RUNNING:
            self._report_claim("ended", claim, state.details)
        if state.phase is Phase.SUCCEEDED:
            self._settle(held, state)
        elif state.phase is Phase.FAILED:
            self._recover(held, state)

    def _start_again(self, held: _Held) -> None:
        """Start the attempt, unless it was started by a caller that could not record the run."""
        claim = held.claim
        since = datetime.fromisoformat(claim.claimed_at)
        run_id = self._runs[claim.lane].find(claim.application_id, claim.parameters["name"], since)
        if run_id is None:
            self._start(held)
        else:
            self._record(held, run_id)

    def _start(self, held: _Held) -> None:
        try:
            run_id = self._runs[held.claim.lane].start(held.claim.parameters, held.claim.token)
        except RunRefusedError as refusal:
            # A wrong setting refuses every batch. Keep this one, and wait: the next call must not retry at once.
            self._attempt_again(held, held.claim.failures, str(refusal), self._restart_delay(held.claim))
        else:
            self._record(held, run_id)

    def _record(self, held: _Held, run_id: str) -> None:
        recorded = self._replace(held, held.claim.started(run_id))
        self._report_claim("started", recorded.claim, f"run {run_id}")

    def _settle(self, held: _Held, state: RunState) -> None:
        if held.claim.lane is Lane.CLUSTER:  # a success of the express lane does not show that the cluster works again
            self._pauses.clear()
        self._close(held)
        self._report_claim("settled", held.claim, closed_run=state)
        self._launch_next()

    def _recover(self, held: _Held, state: RunState) -> None:
        """Make the next attempt, or give the batch up after MaxAttempts failures.

        A run that never reached RUNNING says nothing about its batch and does not count as a failure. Nor does one of
        the express lane: the cluster, which makes the next attempt at once, may do what the function could not.
        """
        claim = held.claim
        if claim.lane is Lane.EXPRESS:
            delay = timedelta(0)
        elif not state.was_running:
            delay = self._restart_delay(claim)
        else:
            claim = replace(claim, failures=claim.failures + 1)
            delay = self._delay_after_failure(claim, state.details)
        if claim.failures < self._settings.max_attempts:
            next_attempt = self._attempt_again(held, claim.failures, state.details, delay, state)
            if next_attempt.claim.may_start(self._clock()):
                self._start(next_attempt)
        else:
            self._fail(replace(held, claim=claim), state)
            self._launch_next()

    def _restart_delay(self, claim: Claim) -> timedelta:
        restarts = claim.attempt - claim.failures  # with the present attempt
        return restart_delay(restarts, self._settings.retry_after, self._chance())

    def _delay_after_failure(self, claim: Claim, reason: str) -> timedelta:
        """Record the failure and return how long the next attempt waits: at least until a pause ends."""
        moment = self._clock()
        pause = self._pauses.record_failure(claim.batch_id, reason, moment)
        if claim.failures >= self._settings.max_attempts:
            return timedelta(0)
        delay = retry_delay(claim.failures, self._settings.max_attempts, self._settings.retry_after, self._chance())
        return max(delay, self._settings.retry_after) if pause.is_paused(moment) else delay

    def _attempt_again(
        self, held: _Held, failures: int, reason: str, delay: timedelta, closed_run: RunState | None = None
    ) -> _Held:
        """Write the next attempt into the claim and return it.

        Its parameters are built from the present settings: the application or the code of the last attempt may be gone.
        """
        last = held.claim
        has_run = failures > 0 or (closed_run is not None and closed_run.was_running)
        careful = last.careful or has_run
        parameters = featurize_parameters(self._settings, last.batch_id, last.attempt + 1, last.keys, careful=careful)
        not_before, application = iso(self._clock() + delay), self._settings.application_id
        claim = last.attempted_again(application, parameters, failures, not_before, reason, careful=careful)
        replaced = self._replace(held, claim)
        self._report_claim("attempted again", claim, f"not before {not_before}: {reason}", closed_run)
        return replaced

    def _fail(self, held: _Held, state: RunState) -> None:
        self._failed.set_aside(held.claim, state.details)
        self._report_claim("failed", held.claim, state.details, state)
        self._close(held)

    def _close(self, held: _Held) -> None:
        """Delete the segments, then the claim. In the other order a crash would leave segments that run again."""
        self._lake.delete_all(held.claim.names)
        self._lake.delete(CLAIM, held.etag)

    def _report_claim(self, done: str, claim: Claim, details: str = "", closed_run: RunState | None = None) -> None:
        self._report(Activity(done, claim.batch_id, claim.attempt, details, claim.lane, closed_run))
