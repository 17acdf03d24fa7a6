"""Lambda invocations that stop before every AWS call, so that a test decides who goes on, and with what fate."""

import threading
from collections.abc import Callable, Collection
from enum import Enum
from functools import partial
from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.model.aws import Paging, client_error


class Fate(Enum):
    """What becomes of one AWS call."""

    ANSWERED = "answered"
    THROTTLED = "refused before it took effect"
    CONFLICTING = "refused because another write of the object was under way"
    ANSWER_LOST = "took effect, but its client heard only a time-out"
    REPEATED = "took effect, its answer was lost, and the client repeated it"
    CRASH_BEFORE = "the process died before the call"
    CRASH_AFTER = "the process died after the call took effect"


_CONDITIONAL = {"put_object", "delete_object"}


class CrashError(BaseException):
    """The process is gone: nothing in it may catch this."""


class Actor:
    """A process that runs `work(client_of)` and hands over at every AWS call.

    Only one thread runs at a time: the test's, or that of the actor it has just resumed.
    """

    def __init__(self, work: Callable[["Actor"], Any]) -> None:
        self.waiting: str | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self._work = work
        self._fate = Fate.ANSWERED
        self._resumed = threading.Semaphore(0)
        self._handed_over = threading.Semaphore(0)
        threading.Thread(target=self._live, daemon=True).start()
        self._handed_over.acquire()

    def step(self, fate: Fate = Fate.ANSWERED) -> None:
        """Let the call that the actor waits for meet its fate, and the actor go on to its next."""
        if not self.finished:
            self._fate = fate
            self._resumed.release()
            self._handed_over.acquire()

    def until(self, operation: str) -> "Actor":
        """Go on until the actor is about to make this call."""
        while not self.finished and self.waiting != operation:
            self.step()
        assert self.waiting == operation, f"it never calls {operation}"
        return self

    def finish(self, refused: Collection[str] = ()) -> "Actor":
        """Go on to the end; calls of the refused operations are answered with an error that passes by itself."""
        while not self.finished:
            self.step(Fate.THROTTLED if self.waiting in refused else Fate.ANSWERED)
        return self

    def crash(self) -> None:
        """End the process where it stands."""
        self.step(Fate.CRASH_BEFORE)

    def client(self, fake: Any) -> Any:
        """The fake as this actor's boto3 client."""
        return _Client(fake, self._call)

    def _live(self) -> None:
        try:
            self.result = self._work(self)
        except BaseException as error:
            self.error = error
        self.finished, self.waiting = True, None
        self._handed_over.release()

    def _call(self, operation: str, call: Callable[[], Any]) -> Any:
        self.waiting = operation
        self._handed_over.release()
        self._resumed.acquire()
        return _meet(self._fate, operation, call)


def _meet(fate: Fate, operation: str, call: Callable[[], Any]) -> Any:
    if fate is Fate.CRASH_BEFORE:
        raise CrashError
    if fate is Fate.THROTTLED:
        raise client_error("ThrottlingException", 429, operation)
    if fate is Fate.CONFLICTING and operation in _CONDITIONAL:
        raise client_error("ConditionalRequestConflict", 409, operation)
    answer = call()
    if fate is Fate.CRASH_AFTER:
        raise CrashError
    if fate is Fate.ANSWER_LOST:
        raise ReadTimeoutError(endpoint_url=operation)
    return call() if fate is Fate.REPEATED else answer


class _Client(Paging):
    def __init__(self, fake: Any, through: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._fake = fake
        self._through = through

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._fake, operation)
        return lambda **arguments: self._through(operation, partial(method, **arguments))
