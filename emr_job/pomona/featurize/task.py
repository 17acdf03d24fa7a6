"""What a task does with its dirty keys: fetch ahead, decode, resize, infer, and hand on the rows that changed."""

import resource
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark import TaskContext

from pomona.featurize.backbone import Engine, engine_of
from pomona.featurize.counters import Tally, fallback_count
from pomona.imaging.careful.decoder import CarefulDecoder
from pomona.imaging.careful.process_limits import growth_bounded, killed_after
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preparation import Preparation, PreparedImage, prepare
from pomona.s3.image_fetcher import Fetched, ImageFetcher, KeyToFetch, Status
from pomona.s3.read_ahead import ByteBudget, in_completion_order
from pomona.table.schema import RowBatch, label_of
from pomona_contract.outcomes import Outcome

if TYPE_CHECKING:
    from pyspark import Accumulator

FETCH_THREADS = 16
FETCHED_BYTES = 64 * 2**20
ROWS_AT_ONCE = 128
SHOWN_OF_A_KEY = 120
THREAD_STACK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Work:
    """What every task of a run has to know."""

    bucket: str
    backbone: str
    backbones: Path | None
    max_image_bytes: int
    limits: Limits
    batch_id: str
    decode_seconds: float
    decode_bytes: int
    """Of memory, for decoding one image."""
    careful: bool
    """Whether every image is decoded in a child process, in every task."""


class Featurizer:
    """What a task does with its dirty keys."""

    def __init__(self, work: Work, tallies: "Accumulator[Any]") -> None:
        self._work = work
        self._tallies = tallies

    def __call__(self, number: int, dirty: Iterable[KeyToFetch]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Changes (rows.CHANGES) with the task's `number`; its tally is added up when it is done."""
        with closing(_Task(self._work, is_careful=self._work.careful or _is_repeated())) as task:
            for changes in task.rows(iter(dirty)):
                yield number, changes
        self._tallies.add({number: task.tally})


def _is_repeated() -> bool:
    """Whether Spark has started this task before: its worker died then, most likely of an image."""
    context = TaskContext.get()
    return context is not None and context.attemptNumber() > 0


class _Task:
    """One partition's work."""

    def __init__(self, work: Work, *, is_careful: bool) -> None:
        self.tally = Tally()
        self._work = work
        self._engine: Engine = engine_of(work.backbone, work.backbones)
        self._backbone = self._engine.backbone
        self._preparation = Preparation(
            height=self._backbone.height,
            width=self._backbone.width,
            limits=work.limits,
            memory_bytes=work.decode_bytes,
            seconds=work.decode_seconds,
        )
        self._is_careful = is_careful
        self._careful_decoder = CarefulDecoder(self._preparation)
        constants = {"bucket": work.bucket, "backbone": self._backbone.label, "batch_id": work.batch_id}
        self._batch = RowBatch(constants, self._backbone.output_width, ROWS_AT_ONCE)

    def rows(self, dirty: Iterator[KeyToFetch]) -> Iterator[pa.RecordBatch]:
        budget = ByteBudget(FETCHED_BYTES)
        fetcher = ImageFetcher(self._work.bucket, self._work.max_image_bytes, budget)
        answers = in_completion_order(dirty, fetcher.fetch, FETCH_THREADS)
        try:
            with growth_bounded(resource.RLIMIT_DATA, _most_growth(self._work)):
                while (fetched := self._next(answers)) is not None:
                    yield from self._settle(fetched)
                    budget.give_back(len(fetched.body))
        finally:
            budget.lift()
            answers.close()
        yield from self._batch.flush()

    def close(self) -> None:
        self._careful_decoder.close()

    def _next(self, answers: Iterator[Fetched]) -> Fetched | None:
        with self.tally.timing("get"):
            return next(answers, None)

    def _settle(self, fetched: Fetched) -> Iterator[pa.RecordBatch]:
        counts = self.tally.counts
        counts["retries"] += fetched.retries
        counts["bytes"] += len(fetched.body)
        if fetched.fallback:
            counts[fallback_count(fetched.fallback)] += 1
        if fetched.status == Status.FOUND:
            yield from self._featurize(fetched)
        elif fetched.status == Status.UNUSABLE:
            yield from self._error(fetched, fetched.reason)
        elif fetched.status == Status.GONE:
            counts[Outcome.DELETED if fetched.dirty.known else Outcome.ABSENT] += 1
            if fetched.dirty.known:
                yield from self._batch.add({"key": fetched.dirty.key, "gone": True})
        else:
            counts[fetched.status] += 1
            self.tally.reason = self.tally.reason or _why_unread(fetched)

    def _featurize(self, fetched: Fetched) -> Iterator[pa.RecordBatch]:
        try:
            prepared = self._prepare(fetched.body)
            features = self._features(prepared)
        except ImageError as error:
            yield from self._error(fetched, str(error))
            return
        self.tally.counts[Outcome.DONE] += 1
        shape = {"width": prepared.width, "height": prepared.height}
        yield from self._batch.add(_about(fetched) | shape, features)

    def _prepare(self, body: bytes) -> PreparedImage:
        """Decode here, or in a child process: in careful mode, and what had no room here beside the other images."""
        if not self._is_careful:
            with suppress(MemoryError), killed_after(self._preparation.seconds):
                return prepare(body, self._preparation, self.tally.timing)
        self.tally.counts["careful"] += 1
        with self.tally.timing("decode"):
            return self._careful_decoder.prepare(body)

    def _features(self, prepared: PreparedImage) -> "np.typing.NDArray[np.float32]":
        with self.tally.timing("inference"):
            features = self._engine.run(prepared.pixels)
        if not np.isfinite(features).all():
            raise ImageError(f"{self._backbone.name} gives no finite features for this image")
        return features

    def _error(self, fetched: Fetched, reason: str) -> Iterator[pa.RecordBatch]:
        if _is_told_already(fetched, reason):
            self.tally.counts[Outcome.UNCHANGED] += 1
            return
        self.tally.counts[Outcome.ERRORS] += 1
        yield from self._batch.add(_about(fetched) | {"error": reason})


def _is_told_already(fetched: Fetched, reason: str) -> bool:
    """Whether the table's row says the same of the same object: it stays, and counts as no new error."""
    return fetched.dirty.row_error == reason and (fetched.dirty.row_etag or "") == fetched.etag


def _most_growth(work: Work) -> int:
    """Return how many bytes a worker may take during a task, so that it dies alone before its container does.

    That is one image's decoding, and beside it what the threads have fetched, twice: as Rust's bytes and as Python's.
    """
    return work.decode_bytes + 2 * max(FETCHED_BYTES, work.max_image_bytes) + FETCH_THREADS * THREAD_STACK_BYTES


def _why_unread(fetched: Fetched) -> str:
    """Empty for an image that was read, or need not be; the key in a form that no log or terminal takes for more."""
    return f"{fetched.reason}, the first of them {ascii(fetched.dirty.key)[:SHOWN_OF_A_KEY]}" if fetched.reason else ""


def _about(fetched: Fetched) -> dict[str, Any]:
    return {
        "key": fetched.dirty.key,
        "label": label_of(fetched.dirty.key),
        "etag": fetched.etag or None,
        "size": fetched.size,
        "last_modified": fetched.last_modified,
    }
