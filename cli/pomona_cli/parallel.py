"""Work on a stream with a few threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def parallel_map(threads: int, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the results in the order of the items, and take at most two items a thread in advance.

    An error of `work`, or Ctrl-C, ends the iteration after the calls that have begun.
    """
    running: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) >= 2 * threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
