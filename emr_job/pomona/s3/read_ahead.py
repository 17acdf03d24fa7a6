"""Working ahead in threads: they wait for S3 so that the core never does, within bounded memory."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar


class ByteBudget:
    """How many bytes may lie in memory between fetching and use. One object larger than all of it is let in alone."""

    def __init__(self, limit: int) -> None:
        self._limit: float = limit
        self._used = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until `size` bytes fit."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + size <= self._limit)
            self._used += size

    def give_back(self, size: int) -> None:
        """The bytes are not needed any more."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    def lift(self) -> None:
        """Let everybody pass: what is still being fetched will not be used."""
        with self._changed:
            self._limit = float("inf")
            self._changed.notify_all()


Item = TypeVar("Item")
Result = TypeVar("Result")


def in_completion_order(
    items: Iterator[Item], fetch: Callable[[Item], Result], threads: int
) -> Generator[Result, None, None]:
    """The results of `fetch`, whichever is ready first, with at most twice `threads` of them begun and not yet used.

    `items` is read by the caller's thread only. What `fetch` raises is raised here.
    """
    ready: SimpleQueue[Future[Result]] = SimpleQueue()
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:

        def begin(item: Item) -> None:
            pool.submit(fetch, item).add_done_callback(ready.put)

        under_way = 0
        for item in islice(items, 2 * threads):
            begin(item)
            under_way += 1
        while under_way:
            result = ready.get().result()
            for item in islice(items, 1):
                begin(item)
                under_way += 1
            under_way -= 1
            yield result


def in_order(items: Iterable[Item], make: Callable[[Item], Result], threads: int) -> Iterator[Result]:
    """The results of `make`, in the order of the items; while one is used, `threads` more are made or wait."""
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(pool.submit(make, item))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
