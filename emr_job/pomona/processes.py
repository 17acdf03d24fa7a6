"""Worker processes of this machine, one a core, for a job whose work is not worth a cluster.

They are what executors are for a Spark job: a process that dies, of an image or of a decoder, ends its piece of work
and not the job.
"""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Generic, Self, TypeVar

from pomona.errors import JobError, first_line

_PR_SET_PDEATHSIG = 1
_SHOWN_CHARACTERS = 300
Item = TypeVar("Item")
Made = TypeVar("Made")


class WorkFailedError(JobError, Generic[Item]):
    """Some pieces of work have no result: their process died, or they raised an error."""

    def __init__(self, unfinished: list[Item], first: BaseException) -> None:
        reason = "a process died"
        if isinstance(first, Exception) and not isinstance(first, BrokenProcessPool):
            reason = first_line(first, _SHOWN_CHARACTERS)
        super().__init__(f"{len(unfinished)} pieces of the work have no result: {reason}")
        self.unfinished = unfinished


class Processes:
    """Processes that take pieces of work from one queue. Use it as a context manager: its end ends them."""

    def __init__(self, count: int, context: BaseContext) -> None:
        """Start the processes at once. See `forked` and `spawned`."""
        self.count = count
        self._pool = ProcessPoolExecutor(count, context, initializer=_end_with_parent, initargs=(os.getpid(),))
        self._pool.submit(os.getpid)

    @classmethod
    def forked(cls, count: int) -> Self:
        """Return copies of this process, which cost next to nothing.

        Call it before this process has started threads or opened connections, which the copies would share.
        """
        return cls(count, multiprocessing.get_context("fork"))

    @classmethod
    def spawned(cls, count: int) -> Self:
        """Return new processes, at any time. Each imports what it needs, which takes a second."""
        return cls(count, multiprocessing.get_context("spawn"))

    def __enter__(self) -> Self:
        """Return the processes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes, after the pieces of work that they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def results(self, work: list[Item], task: Callable[[Item], Made]) -> Iterator[tuple[int, Made]]:
        """Yield the number of each piece of work and what `task` makes of it, as they come.

        Everything is sent between processes, so it has to be of kinds that pickle knows.

        Raises:
            WorkFailedError: some pieces have no result, after all others are yielded.
        """
        numbers: dict[Future[Made], int] = {}
        failed: dict[int, BaseException] = {}
        for number, item in enumerate(work):
            try:
                numbers[self._pool.submit(task, item)] = number
            except BrokenProcessPool as error:  # a process died meanwhile: then nothing is accepted any more
                failed[number] = error
        for future in as_completed(list(numbers)):
            number = numbers.pop(future)
            if (cause := future.exception()) is not None:
                failed[number] = cause
            else:
                yield number, future.result()
            del future  # with its result, which may be large
        if failed:
            first = failed[min(failed)]
            raise WorkFailedError([work[number] for number in sorted(failed)], first) from first


def _end_with_parent(parent: int) -> None:
    """Have the kernel end this process when the parent is killed: nobody would end it otherwise."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)
