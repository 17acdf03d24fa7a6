"""Worker processes of this machine, one a core, for a job whose work is not worth a cluster.

They take the place of Spark's executors. If a process dies, of an image or of a decoder, only its piece of work has no
result; concurrent.futures would end all its processes. And a second pass over the same pieces gives each to the process
that had it before, which still has in memory what the first pass kept.
"""

import ctypes
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pomona.errors import JobError, first_line

_PR_SET_PDEATHSIG = 1
_SHOWN_CHARACTERS = 300
_SECONDS_TO_END = 5
Item = TypeVar("Item")
Made = TypeVar("Made")


class WorkFailedError(JobError, Generic[Item]):
    """Some pieces of work have no result: their process died, or they raised an error."""

    def __init__(self, unfinished: list[Item], reason: str) -> None:
        super().__init__(f"{len(unfinished)} pieces of the work have no result: {reason}")
        self.unfinished = unfinished


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    is_alive: bool = True

    @classmethod
    def start(cls, context: Any) -> Self:  # noqa: ANN401 - BaseContext has no Process for its type checker
        ours, its = context.Pipe()
        process = context.Process(target=_serve, args=(its, os.getpid()), daemon=True)
        process.start()
        its.close()  # so that nobody else holds it: when the process dies, reading from ours ends
        return cls(process, ours)

    def kill(self) -> None:
        self.is_alive = False
        self.process.kill()

    def end(self) -> None:
        if self.is_alive:
            try:
                self.connection.send(None)
            except OSError:  # it is dead
                self.kill()
        self.process.join(_SECONDS_TO_END)
        if self.process.exitcode is None:
            self.kill()
            self.process.join()
        self.connection.close()


class Processes:
    """Processes that carry out pieces of work. Use it as a context manager: its end ends them."""

    def __init__(self, count: int, context: BaseContext) -> None:
        """Start the processes, in the main thread: the kernel ends them with the thread that has started them."""
        self.count = count
        self._workers = [_Worker.start(context) for _ in range(count)]

    @classmethod
    def forked(cls, count: int) -> Self:
        """Return copies of this process, which cost next to nothing.

        Call it before this process has started threads or opened connections, which the copies would share.
        """
        return cls(count, multiprocessing.get_context("fork"))

    @classmethod
    def spawned(cls, count: int) -> Self:
        """Return new processes, at any time. Each imports what it needs, which takes time."""
        return cls(count, multiprocessing.get_context("spawn"))

    def __enter__(self) -> Self:
        """Return the processes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.end()

    def _living(self, place: int) -> _Worker:
        """Return the worker of this place. One that has died is replaced by a new process: no copy of a living one."""
        if not self._workers[place].is_alive:
            self._workers[place].end()
            self._workers[place] = _Worker.start(multiprocessing.get_context("spawn"))
        return self._workers[place]

    def results(self, work: list[Item], task: Callable[[Item], Made]) -> Iterator[tuple[int, Made]]:
        """Yield the number of each piece of work and what `task` makes of it, as they come.

        If there are no more pieces than processes, piece i is always carried out by process i. Pieces, task and results
        are pickled.

        Raises:
            WorkFailedError: some pieces have no result, after all others are yielded.
        """
        waiting = deque(range(len(work)))
        busy: dict[object, tuple[_Worker, int]] = {}
        failed: dict[int, str] = {}
        try:
            while waiting or busy:
                occupied = {id(worker) for worker, _ in busy.values()}
                for place, worker in enumerate(self._workers):
                    if waiting and id(worker) not in occupied:
                        worker = self._living(place)
                        busy[worker.connection] = worker, (number := waiting.popleft())
                        _send(worker, task, work[number])
                for connection in wait([worker.connection for worker, _ in busy.values()]):
                    worker, number = busy.pop(connection)
                    answer = _received(worker)
                    if answer.error:
                        failed[number] = answer.error
                    else:
                        yield number, answer.made
        finally:
            for worker, _ in busy.values():  # nobody waits for what they are at
                worker.kill()
        if failed:
            unfinished = [work[number] for number in sorted(failed)]
            raise WorkFailedError(unfinished, failed[min(failed)])


@dataclass(frozen=True)
class _Answer:
    made: Any
    error: str = ""


def _send(worker: _Worker, task: Callable[[Any], Any], item: object) -> None:
    with suppress(OSError):  # it died meanwhile: that is noticed when its answer is read
        worker.connection.send((task, item))


def _received(worker: _Worker) -> _Answer:
    try:
        answer: _Answer = worker.connection.recv()
    except (EOFError, OSError):
        worker.kill()
        worker.process.join()
        return _Answer(None, f"a process died (exit code {worker.process.exitcode})")
    return answer


def _serve(connection: Connection, parent: int) -> None:
    """Carry out what comes through the connection until a None comes."""
    _end_with_parent(parent)
    while (message := connection.recv()) is not None:
        task, item = message
        try:
            connection.send(_Answer(task(item)))  # nothing is sent of what pickle refuses
        except Exception as error:
            connection.send(_Answer(None, f"{type(error).__name__}: {first_line(error, _SHOWN_CHARACTERS)}"))


def _end_with_parent(parent: int) -> None:
    """Have the kernel end this process when the parent is killed: nobody would end it otherwise."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)
