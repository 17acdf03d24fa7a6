"""What a task does with its dirty keys: fetch ahead, decode, resize, infer, and hand on the rows that changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pomona.ahead import ByteBudget, in_completion_order
from pomona.backbone import Engine, engine_of
from pomona.fetching import DirtyKey, Fetched, ImageFetcher, Status
from pomona.image_errors import ImageError
from pomona.images import DecodedImage, decode, resize
from pomona.limits import Limits
from pomona.rows import RowBatch, label_of
from pomona.tally import Tally, fallback_count

if TYPE_CHECKING:
    from pyspark import Accumulator

FETCH_THREADS = 16
FETCHED_BYTES = 64 * 2**20
ROWS_AT_ONCE = 128
SHOWN_OF_A_KEY = 120


@dataclass(frozen=True)
class Work:
    """What every task of a run has to know."""

    bucket: str
    backbone: str
    backbones: Path | None
    max_image_bytes: int
    limits: Limits
    batch_id: str


class Featurizer:
    """What a task does with its dirty keys."""

    def __init__(self, work: Work, tallies: "Accumulator[Any]") -> None:
        self._work = work
        self._tallies = tallies

    def __call__(self, number: int, dirty: Iterable[DirtyKey]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Changes (rows.CHANGES) with the task's `number`; its tally is added up when it is done."""
        task = _Task(self._work)
        for changes in task.rows(iter(dirty)):
            yield number, changes
        self._tallies.add(task.tally)


class _Task:
    """One partition's work."""

    def __init__(self, work: Work) -> None:
        self.tally = Tally()
        self._work = work
        self._engine: Engine = engine_of(work.backbone, work.backbones)
        self._backbone = self._engine.backbone
        constants = {"bucket": work.bucket, "backbone": self._backbone.label, "batch_id": work.batch_id}
        self._batch = RowBatch(constants, self._backbone.output_width, ROWS_AT_ONCE)

    def rows(self, dirty: Iterator[DirtyKey]) -> Iterator[pa.RecordBatch]:
        budget = ByteBudget(FETCHED_BYTES)
        fetcher = ImageFetcher(self._work.bucket, self._work.max_image_bytes, budget)
        answers = in_completion_order(dirty, fetcher.fetch, FETCH_THREADS)
        try:
            while (fetched := self._next(answers)) is not None:
                yield from self._settle(fetched)
                budget.give_back(len(fetched.body))
        finally:
            budget.lift()
            answers.close()
        yield from self._batch.flush()

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
            counts["deleted" if fetched.dirty.known else "absent"] += 1
            if fetched.dirty.known:
                yield from self._batch.add({"key": fetched.dirty.key, "gone": True})
        else:
            counts[fetched.status] += 1
            self.tally.reason = self.tally.reason or _why_unread(fetched)

    def _featurize(self, fetched: Fetched) -> Iterator[pa.RecordBatch]:
        try:
            decoded, features = self._features(fetched.body)
        except ImageError as error:
            yield from self._error(fetched, str(error))
            return
        self.tally.counts["done"] += 1
        shape = {"width": decoded.width, "height": decoded.height}
        yield from self._batch.add(_about(fetched) | shape, features)

    def _features(self, body: bytes) -> "tuple[DecodedImage, np.typing.NDArray[np.float32]]":
        height, width = self._backbone.height, self._backbone.width
        with self.tally.timing("decode"):
            decoded = decode(body, height, width, self._work.limits)
        with self.tally.timing("resize"):
            pixels = resize(decoded.image, height, width)
        with self.tally.timing("inference"):
            features = self._engine.run(pixels)
        if not np.isfinite(features).all():
            raise ImageError(f"{self._backbone.name} gives no finite features for this image")
        return decoded, features

    def _error(self, fetched: Fetched, reason: str) -> Iterator[pa.RecordBatch]:
        self.tally.counts["errors"] += 1
        yield from self._batch.add(_about(fetched) | {"error": reason})


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
