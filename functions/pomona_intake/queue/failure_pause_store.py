"""The pause after failures of two batches in a row, kept in the lake.

The document is a hint beside the queue's protocol. If a write of it is lost or late, the queue pauses a little earlier
or later; no key is lost.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import FAILURE_PAUSE
from pomona_intake.s3.lake import Lake


class FailurePauseStore:
    """The pause of one lake's queue. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, pause: timedelta, warn: Callable[[str], None]) -> None:
        """Set how long a pause is, and who is told of a document that cannot be read."""
        self._lake = lake
        self._pause = pause
        self._warn = warn

    def read(self) -> FailurePause:
        """Return the present state; an unreadable document counts as none and is written over later."""
        stored = self._lake.read(FAILURE_PAUSE)
        try:
            return FailurePause.from_json(stored.body) if stored else FailurePause()
        except FormatError as error:
            self._warn(str(error))
            return FailurePause()

    def record_failure(self, batch_id: str, reason: str, moment: datetime) -> FailurePause:
        """Record that a run of this batch failed, and return the state after it."""
        state = self.read().after_failure(batch_id, reason, moment, self._pause)
        self._lake.write(FAILURE_PAUSE, state.to_json())
        return state

    def clear(self) -> None:
        """Forget every failure: a run has succeeded, or an operator has repaired what failed."""
        self._lake.delete_all([FAILURE_PAUSE])
