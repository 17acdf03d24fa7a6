"""Turns dirty keys into changes of the table: fetches images ahead, and extracts their features one by one."""

import resource
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.counters import TaskCounters
from pomona.featurize.feature_extraction import FeatureExtractor
from pomona.imaging.careful.process_limits import limited_growth
from pomona.imaging.errors import ImageError
from pomona.inference import cached_engine
from pomona.s3.image_fetcher import FetchResult, FetchStatus, ImageFetcher, KeyToFetch
from pomona.s3.read_ahead import ByteBudget, in_completion_order
from pomona.table.schema import RowBatch, label_of
from pomona_contract.outcomes import Outcome

FETCH_THREADS = 16
FETCHED_BYTES = 64 * 2**20
ROWS_PER_BATCH = 128
SHOWN_KEY_CHARACTERS = 120
THREAD_STACK_BYTES = 8 * 2**20


class KeyFeaturizer:
    """Turns dirty keys into changes of the table, on one core."""

    def __init__(
        self,
        arguments: FeaturizeArguments,
        *,
        is_careful: bool,
        may_only_add: bool = False,
        until: float = float("inf"),
    ) -> None:
        """Set the settings of the run, and what may be done.

        Args:
            arguments: of the run.
            is_careful: True if each image is decoded in a child process.
            may_only_add: True if no row of the table may be replaced or deleted, and no key may stay unread. Such keys
                are `deferred`.
            until: seconds of `time.monotonic`; keys whose image is not decoded by then are `deferred` too.
        """
        self.counters = TaskCounters()
        self.deferred: list[str] = []
        """Keys that wait for a run that may do more."""
        self._may_only_add = may_only_add
        self._until = until
        self._arguments = arguments
        engine = cached_engine(arguments.backbone, arguments.backbones)
        self._extractor = FeatureExtractor(engine, arguments.limits, self.counters, is_careful=is_careful)
        constants = {
            "bucket": arguments.images_bucket,
            "backbone": engine.backbone.label,
            "batch_id": arguments.batch_id,
        }
        self._batch = RowBatch(constants, engine.backbone.output_width, ROWS_PER_BATCH)

    def changes(self, dirty: Iterator[KeyToFetch]) -> Iterator[pa.RecordBatch]:
        """Yield the changes (schema.CHANGES) of the keys, in the order in which S3 answers."""
        budget = ByteBudget(FETCHED_BYTES)
        fetcher = ImageFetcher(self._arguments.images_bucket, self._arguments.max_image_bytes, budget)
        results = in_completion_order(self._in_time(dirty), fetcher.fetch, FETCH_THREADS)
        try:
            with limited_growth(resource.RLIMIT_DATA, _most_growth(self._arguments)):
                while (fetched := self._next(results)) is not None:
                    yield from self._settle(fetched)
                    budget.give_back(len(fetched.body))
        finally:
            budget.lift()
            results.close()
        yield from self._batch.flush()

    def close(self) -> None:
        """End the child process."""
        self._extractor.close()

    def _in_time(self, dirty: Iterator[KeyToFetch]) -> Iterator[KeyToFetch]:
        for key in dirty:
            if self._is_late():
                self.deferred.append(key.key)
            else:
                yield key

    def _is_late(self) -> bool:
        return time.monotonic() >= self._until

    def _next(self, results: Iterator[FetchResult]) -> FetchResult | None:
        with self.counters.timing("get"):
            return next(results, None)

    def _settle(self, fetched: FetchResult) -> Iterator[pa.RecordBatch]:
        counts = self.counters.counts
        counts["retries"] += fetched.retries
        counts["bytes"] += len(fetched.body)
        if fetched.fallback:
            self.counters.count_fallback(fetched.fallback)
        if self._is_late() or (self._may_only_add and _must_wait(fetched)):
            self.deferred.append(fetched.dirty.key)
            return
        if fetched.status == FetchStatus.FOUND:
            yield from self._featurize(fetched)
        elif fetched.status == FetchStatus.UNUSABLE:
            yield from self._add_error(fetched, fetched.reason)
        elif fetched.status == FetchStatus.GONE:
            counts[Outcome.DELETED if fetched.dirty.known else Outcome.ABSENT] += 1
            if fetched.dirty.known:
                yield from self._batch.add({"key": fetched.dirty.key, "gone": True})
        elif fetched.status == FetchStatus.UNCHANGED:
            counts[Outcome.UNCHANGED] += 1
        else:
            counts[Outcome.UNREAD] += 1
            self.counters.reason = self.counters.reason or _why_unread(fetched)

    def _featurize(self, fetched: FetchResult) -> Iterator[pa.RecordBatch]:
        try:
            image, features = self._extractor.extract(fetched.body)
        except ImageError as error:
            yield from self._add_error(fetched, str(error))
            return
        self.counters.counts[Outcome.DONE] += 1
        size = {"width": image.width, "height": image.height}
        yield from self._batch.add(_object_columns(fetched) | size, features)

    def _add_error(self, fetched: FetchResult, reason: str) -> Iterator[pa.RecordBatch]:
        if _has_this_error(fetched, reason):
            self.counters.counts[Outcome.UNCHANGED] += 1
            return
        self.counters.counts[Outcome.ERRORS] += 1
        yield from self._batch.add(_object_columns(fetched) | {"error": reason})


def _must_wait(fetched: FetchResult) -> bool:
    """Return True if the key has a row that no longer agrees with the object, or could not be read."""
    has_changed = fetched.dirty.known and fetched.status != FetchStatus.UNCHANGED
    return has_changed or fetched.status == FetchStatus.UNREAD


def _has_this_error(fetched: FetchResult, reason: str) -> bool:
    """Return True if the table's row has this error for the same object: the row stays, and counts as no new error."""
    return fetched.dirty.row_error == reason and (fetched.dirty.row_etag or "") == fetched.etag


def _most_growth(arguments: FeaturizeArguments) -> int:
    """Return how many bytes a worker may allocate during a task, so that it dies before its container does.

    That is the memory for decoding one image and what the threads have fetched, twice: as Rust's and Python's bytes.
    """
    fetched = 2 * max(FETCHED_BYTES, arguments.max_image_bytes)
    return arguments.limits.decode_memory_bytes + fetched + FETCH_THREADS * THREAD_STACK_BYTES


def _why_unread(fetched: FetchResult) -> str:
    """Return the reason with the key, which is escaped for logs and terminals; empty without a reason."""
    key = ascii(fetched.dirty.key)[:SHOWN_KEY_CHARACTERS]
    return f"{fetched.reason}, the first of them {key}" if fetched.reason else ""


def _object_columns(fetched: FetchResult) -> dict[str, Any]:
    return {
        "key": fetched.dirty.key,
        "label": label_of(fetched.dirty.key),
        "etag": fetched.etag or None,
        "size": fetched.size,
        "last_modified": fetched.last_modified,
    }
