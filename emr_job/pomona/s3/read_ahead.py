"""Works ahead in threads, which wait for S3 in the core's place, within bounded memory."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar


class ByteBudget:
    """Bounds the bytes in memory between fetching and use. An object larger than the whole budget is let in alone."""

    def __init__(self, limit: int) -> None:
        self._limit: float = limit
        self._used = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until `size` bytes fit, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + size <= self._limit)
            self._used += size

    def give_back(self, size: int) -> None:
        """Give back bytes that are not needed any more."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    def lift(self) -> None:
        """Remove the limit, so that no thread waits any more: what is still being fetched will not be used."""
        with self._changed:
            self._limit = float("inf")
            self._changed.notify_all()


Item = TypeVar("Item")
Result = TypeVar("Result")


def in_completion_order(
    items: Iterator[Item], fetch: Callable[[Item], Result], threads: int
) -> Generator[Result, None, None]:
    """Yield the results of `fetch` as they get ready; at most 2 · `threads` of them are begun and not yet used.

    Only the caller's thread reads `items`. What `fetch` raises is raised here.
    """
    ready: SimpleQueue[Future[Result]] = SimpleQueue()
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:

        def begin(item: Item) -> None:
            pool.submit(fetch, item).add_done_callback(ready.put)

        under_way = 0
        while True:
            if under_way <= threads:  # several at once: to wake the threads and S3's client for each costs more
                for item in islice(items, 2 * threads - under_way):
                    begin(item)
                    under_way += 1
            if not under_way:
                return
            result = ready.get().result()
            under_way -= 1
            yield result


def in_order(items: Iterable[Item], make: Callable[[Item], Result], threads: int) -> Iterator[Result]:
    """Yield the results of `make` in the order of the items; while one is used, `threads` more are made or wait."""
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(pool.submit(make, item))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
