"""How far a run is, for `pomona status`: `runs/in-flight.progress` in the lake, written while the tasks run."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pomona.errors import first_line
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.counters import CountersByTask, sum_counters
from pomona.s3.objects import write_json
from pomona_contract.documents.run_progress import RunProgress
from pomona_contract.lake_layout import RUN_PROGRESS

if TYPE_CHECKING:
    from pyspark import SparkContext

SECONDS_BETWEEN = 15  # a run of less writes nothing; an hour of a run writes at most 240 times
SHOWN_CHARACTERS = 200
log = logging.getLogger("pomona.featurize.progress")


@dataclass
class ProgressReport:
    """Writes how many keys the ended tasks have dealt with, whenever the number has changed."""

    arguments: FeaturizeArguments
    keys: int
    counters: Callable[[], CountersByTask]
    """Of the tasks that have ended."""
    workers: Callable[[], int]
    written: int = 0

    def write_if_changed(self) -> None:
        """Write the document. An error costs the progress and not the run."""
        try:
            done = sum(sum_counters(dict(self.counters())).outcomes().values())
            if done != self.written:
                write_json(self.arguments.lake_bucket, RUN_PROGRESS, self._document(done))
                self.written = done
        except Exception as error:  # of S3 or Java
            log.warning("the progress could not be written: %s", first_line(error, SHOWN_CHARACTERS))

    def _document(self, done: int) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        batch, attempt = self.arguments.batch_id, self.arguments.attempt
        progress = RunProgress(
            batch_id=batch, attempt=attempt, keys=self.keys, done=done, workers=self.workers(), at=at
        )
        return progress.document()


@contextmanager
def written_regularly(report: ProgressReport) -> Iterator[None]:
    """Write the progress every few seconds until the block ends."""
    ended = threading.Event()

    def write_until_ended() -> None:
        while not ended.wait(SECONDS_BETWEEN):
            report.write_if_changed()

    thread = threading.Thread(target=write_until_ended, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def workers_of(context: "SparkContext") -> Callable[[], int]:
    """Return a function that counts the driver and the executors of the present moment."""
    return lambda: int(context._jsc.sc().getExecutorMemoryStatus().size())
