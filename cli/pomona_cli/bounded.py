"""Work on a stream with a few threads, without ever taking more of it than is being worked on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def bounded_map(threads: int, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results in the order of the items. An error, or Ctrl-C, ends it when what was begun is done."""
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
