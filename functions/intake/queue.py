"""The queue: segments of dirty keys, at most one batch in flight, and every step safe to repeat after a crash."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from intake.documents import ACTIVE, Claim, ClaimedSegment, FailedBatch, failed_name
from intake.emr import Phase, Runs, RunState
from intake.errors import LostRaceError, PreconditionFailedError, RunRefusedError, UnknownBatchError
from intake.lake import Lake
from intake.launching import is_due, take
from intake.runs import featurize_parameters
from intake.segments import PENDING, DirtyKey, Segment, empty, parse_lines, parse_name, parts
from intake.settings import Settings
from intake.times import iso, now, stamp

_NAMED_SEGMENTS = 50


@dataclass(frozen=True)
class Step:
    """Something the queue did, for logs and metrics."""

    done: str  # written, claimed, started, ended, settled, attempted again, failed, lost a race, ignored
    batch_id: str = ""
    attempt: int = 0
    details: str = ""
    run: RunState | None = None  # the run that has ended


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
        settings: Settings,
        report: Callable[[Step], None],
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._lake = lake
        self._runs = runs
        self._settings = settings
        self._report = report
        self._clock = clock
        self._new_id = new_id

    def write(self, keys: Sequence[DirtyKey], request_id: str) -> list[str]:
        """Write the keys into new segments and return their names; once it returns they cannot be lost.

        Args:
            request_id: what no other writer has, of letters, digits and dashes.
        """
        segments = parts(keys, request_id, self._clock())
        for name, body in segments.items():
            self._write_once(name, body)
        if segments:
            self._report(Step("written", details=_named(segments)))
        return list(segments)

    def request_maintenance(self) -> str:
        """Write a segment without keys and return its name: the run of its turn maintains the table."""
        name = empty(self._clock())
        self._write_once(name, b"")
        return name

    def advance(self) -> None:
        """Settle the batch in flight if its run has ended, and launch the next if one is due."""
        try:
            stored = self._lake.read(ACTIVE)
            if stored is None:
                self._launch_next()
            else:
                self._go_on_with(_Held(Claim.from_json(stored.body), stored.etag))
        except LostRaceError as race:
            self._report(Step("lost a race", details=str(race)))

    def retry(self, batch_id: str) -> list[str]:
        """Put the keys of a failed batch back into new segments, and only then forget that it failed.

        Raises:
            UnknownBatchError: no batch of that id has failed.
        """
        name = failed_name(batch_id)
        stored = self._lake.read(name)
        if stored is None:
            raise UnknownBatchError(f"There is no failed batch {batch_id!r}.")
        written = self.write(FailedBatch.from_json(name, stored.body).keys, f"retry-{self._new_id()}")
        self._lake.delete(name, stored.etag)
        return written

    def _write_once(self, name: str, body: bytes) -> None:
        # Nobody else chooses this name: if it exists, the client repeated a write whose answer was lost.
        with suppress(PreconditionFailedError):
            self._lake.create(name, body)

    def _launch_next(self) -> None:
        pending = self._pending()
        if is_due(pending, self._clock(), self._settings.launch_at_keys, self._settings.launch_after):
            claim = self._new_claim(take(pending, self._settings.max_keys_per_run))
            held = _Held(claim, self._lake.create(ACTIVE, claim.to_json()))
            self._tell("claimed", claim, f"{claim.keys} keys in {_named(claim.names)}")
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
            self._start_again(held)
            return
        state = self._runs.state(claim.application_id, claim.run_id)
        if state.phase is not Phase.RUNNING:
            self._report(Step("ended", claim.batch_id, claim.attempt, state.details, state))
        if state.phase is Phase.SUCCEEDED:
            self._settle(held)
        elif state.phase is Phase.FAILED:
            self._recover(held, state.details)

    def _recover(self, held: _Held, reason: str) -> None:
        if raised := self._give_up(held, reason):
            self._start(raised)
        else:
            self._launch_next()

    def _start_again(self, held: _Held) -> None:
        """Whoever made the claim may have started the run before it could record it."""
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
            # What comes next waits for the clock: a wrong setting must not fail the whole queue within one call.
            self._give_up(held, str(refusal))
        else:
            self._record(held, run_id)

    def _record(self, held: _Held, run_id: str) -> None:
        claim = held.claim.started(run_id)
        self._lake.replace(ACTIVE, claim.to_json(), held.etag)
        self._tell("started", claim, f"run {run_id}")

    def _settle(self, held: _Held) -> None:
        self._close(held)
        self._tell("settled", held.claim)
        self._launch_next()

    def _give_up(self, held: _Held, reason: str) -> _Held | None:
        """The claim of the next attempt, or None if the batch has failed for good."""
        if held.claim.attempt < self._settings.max_attempts:
            return self._attempt_again(held, reason)
        self._fail(held, reason)
        return None

    def _attempt_again(self, held: _Held, reason: str) -> _Held:
        """Built anew from today's settings: the last attempt's application or code may be gone."""
        last = held.claim
        parameters = featurize_parameters(self._settings, last.batch_id, last.attempt + 1, last.keys)
        claim = held.claim.attempted_again(self._settings.application_id, parameters)
        raised = _Held(claim, self._lake.replace(ACTIVE, claim.to_json(), held.etag))
        self._tell("attempted again", claim, reason)
        return raised

    def _fail(self, held: _Held, reason: str) -> None:
        self._move_to_failed(held.claim, reason)
        self._tell("failed", held.claim, reason)
        self._close(held)

    def _move_to_failed(self, claim: Claim, reason: str) -> None:
        keys = [key for name in claim.names for key in self._keys_of(name)]
        batch = FailedBatch(claim.batch_id, claim.attempt, reason, iso(self._clock()), keys)
        # Only the first move is sure to have read the segments before anybody deleted them: it is never written over.
        with suppress(PreconditionFailedError):
            self._lake.create(failed_name(claim.batch_id), batch.to_json())

    def _keys_of(self, name: str) -> list[DirtyKey]:
        stored = self._lake.read(name)
        return parse_lines(name, stored.body) if stored else []

    def _close(self, held: _Held) -> None:
        """The segments go first: a claim that outlives them is closed again, a segment that outlives it runs again."""
        self._lake.delete_all(held.claim.names)
        self._lake.delete(ACTIVE, held.etag)

    def _tell(self, done: str, claim: Claim, details: str = "") -> None:
        self._report(Step(done, claim.batch_id, claim.attempt, details))


def _named(segments: Collection[str]) -> str:
    """The segments' names for the log, so that an event's line leads to its batch; of many the first."""
    names = ", ".join(islice(segments, _NAMED_SEGMENTS))
    return f"{len(segments)} segments: {names}{' and others' if len(segments) > _NAMED_SEGMENTS else ''}"
