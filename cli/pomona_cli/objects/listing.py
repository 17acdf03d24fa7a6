"""Listing a bucket in parallel: S3 returns a thousand keys a request, and each request begins where the last one ended.

The names of folders are read first. They cut the keys into ranges, which are listed in parallel. A free request takes
over the second half of the range with the most cuts left.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any

REQUESTS_AT_ONCE = 16
_DEEPEST_LEVEL = 10
_PAGES_WORTH_A_SPLIT = 4


@dataclass(frozen=True)
class Listed:
    """An object in a listing."""

    key: str
    modified_at: datetime


@dataclass
class _Range:
    """The keys after `after` up to and including `until` (None: to the end), and the folders' names between the two."""

    after: str
    until: str | None
    cuts: list[str]

    def split(self) -> "_Range":
        """Keep the first half of the cuts and return a range with the second half."""
        middle = len(self.cuts) // 2
        cut, later = self.cuts[middle], self.cuts[middle + 1 :]
        second = _Range(cut, self.until, later)
        self.until, self.cuts = cut, self.cuts[:middle]
        return second

    def holds(self, key: str) -> bool:
        return self.until is None or key <= self.until

    def move_to(self, key: str) -> int:
        """Begin the range after this key, and return the number of cuts up to it."""
        left = [cut for cut in self.cuts if cut > key]
        listed = len(self.cuts) - len(left)
        self.after, self.cuts = key, left
        return listed


@dataclass(frozen=True)
class _Page:
    objects: list[Listed]
    is_last: bool


class Listing:
    """The objects of a bucket below a prefix, in pages of at most a thousand, in no particular order.

    The memory holds the pages in progress and the names of some thousand folders at most. A bucket with a single folder
    is listed one page after the other, because only folders divide the work.
    """

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401 - boto3's clients
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._running: dict[Future[_Page], _Range] = {}
        self._pages = 0
        self._cuts_listed = 0

    def pages(self) -> Iterator[list[Listed]]:
        """Yield every object once. An error of any request ends the listing."""
        pool = ThreadPoolExecutor(REQUESTS_AT_ONCE)
        try:
            self._submit(pool, _Range("", None, []))
            while self._running:
                self._share(pool)
                done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from self._take(pool, self._running.pop(future), future.result())
        finally:
            pool.shutdown(cancel_futures=True)

    def _cuts(self, pool: ThreadPoolExecutor) -> list[str]:
        """Return the sorted names of folders, of as many levels as it takes to have enough for all requests."""
        found: list[str] = []
        level = [self._prefix]
        for _ in range(_DEEPEST_LEVEL):
            level = [name for names in pool.map(self._folders, level) for name in names]
            found += level
            if not level or len(found) >= REQUESTS_AT_ONCE:
                break
        return sorted(found)

    def _folders(self, prefix: str) -> list[str]:
        answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
        return [found["Prefix"] for found in answer.get("CommonPrefixes", ())]

    def _share(self, pool: ThreadPoolExecutor) -> None:
        """Split the longest range while requests are free and it has several pages left, estimated from its folders.

        A split costs about half a page: the running request of the range also returns keys of the second half.
        """
        while self._running and len(self._running) < min(self._pages, REQUESTS_AT_ONCE):
            longest = max(self._running.values(), key=lambda one: len(one.cuts))
            if len(longest.cuts) <= _PAGES_WORTH_A_SPLIT * self._cuts_listed / self._pages:
                return
            self._submit(pool, longest.split())

    def _submit(self, pool: ThreadPoolExecutor, keys: _Range) -> None:
        self._running[pool.submit(self._ask, keys.after)] = keys

    def _take(self, pool: ThreadPoolExecutor, keys: _Range, page: _Page) -> Iterator[list[Listed]]:
        self._pages += 1
        own = [one for one in page.objects if keys.holds(one.key)]
        if len(own) == len(page.objects) and not page.is_last:
            if self._pages == 1:
                keys.cuts = self._cuts(pool)
            self._cuts_listed += keys.move_to(own[-1].key)
            self._submit(pool, keys)
        if own:
            yield own

    def _ask(self, after: str) -> _Page:
        answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, StartAfter=after)
        objects = [Listed(found["Key"], found["LastModified"]) for found in answer.get("Contents", ())]
        return _Page(objects, is_last=not answer.get("IsTruncated") or not objects)
