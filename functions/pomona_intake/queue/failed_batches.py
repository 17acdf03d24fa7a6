"""Failed batches: segments that were set aside in `queue/failed/<batch id>/`, with the reason beside them.

S3 copies a segment before its original is deleted, and its content is never read. So setting aside and retrying need
the same memory at any number of keys, work with any content, and can be repeated after a crash.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from pomona_contract.documents.claim import Claim
from pomona_contract.documents.failed_batch import FailedBatch, keys_of_format_1
from pomona_contract.lake_layout import (
    FAILED_BATCHES,
    failed_batch_document,
    failed_batch_folder,
    failed_batch_of_format_1,
    file_name,
)
from pomona_contract.segments import retried_segment_name
from pomona_contract.times import iso, now
from pomona_intake.errors import PreconditionFailedError, UnknownBatchError
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake


class FailedBatches:
    """The failed batches of one lake. Every method raises TransientError when S3 could not answer."""

    def __init__(
        self,
        lake: Lake,
        writer: SegmentWriter,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._lake = lake
        self._writer = writer
        self._clock = clock
        self._new_id = new_id

    def ids(self) -> list[str]:
        """Return the ids of all failed batches, oldest first."""
        children = self._lake.children(FAILED_BATCHES)
        return sorted(
            {child.removeprefix(FAILED_BATCHES).removesuffix("/").removesuffix(".json") for child in children}
        )

    def read(self, batch_id: str) -> FailedBatch | None:
        """Return the document of a failed batch, None if there is none; raise FormatError if it is unreadable."""
        for name in (failed_batch_document(batch_id), failed_batch_of_format_1(batch_id)):
            if (stored := self._lake.read(name)) is not None:
                return FailedBatch.from_json(name, stored.body)
        return None

    def set_aside(self, claim: Claim, reason: str) -> None:
        """Move the segments of a batch to its folder. After a crash, call it again: it continues where it ended."""
        folder = failed_batch_folder(claim.batch_id)
        self._lake.move({name: folder + file_name(name) for name in claim.names})
        if next(self._lake.names(folder), None) is None:
            return  # another caller has moved them, and an operator has retried them since
        batch = FailedBatch(claim.batch_id, claim.failures, reason, iso(self._clock()), claim.keys, len(claim.segments))
        with suppress(PreconditionFailedError):
            self._lake.create(failed_batch_document(claim.batch_id), batch.to_json())

    def retry(self, batch_id: str) -> list[str]:
        """Put a failed batch back into the queue and return the names of its segments.

        Raises:
            UnknownBatchError: no batch of that id has failed.
        """
        if (stored := self._lake.read(failed_batch_of_format_1(batch_id))) is not None:
            keys = keys_of_format_1(failed_batch_of_format_1(batch_id), stored.body)
            written = self._writer.write(keys, f"retry-{self._new_id()}")
            self._lake.delete(failed_batch_of_format_1(batch_id), stored.etag)
            return written
        document = failed_batch_document(batch_id)
        segments = [name for name in self._objects(batch_id) if name != document]
        moment, request = self._clock(), self._new_id()
        targets = {name: retried_segment_name(name, moment, request, part) for part, name in enumerate(segments)}
        self._lake.move(targets)
        self._lake.delete_all([document])
        return list(targets.values())

    def discard(self, batch_id: str) -> None:
        """Delete a failed batch for good, its document last; raise UnknownBatchError if there is none of that id."""
        document = failed_batch_document(batch_id)
        names = self._objects(batch_id)
        self._lake.delete_all([name for name in names if name != document])
        self._lake.delete_all([document, failed_batch_of_format_1(batch_id)])

    def _objects(self, batch_id: str) -> list[str]:
        names = [
            *self._lake.names(failed_batch_folder(batch_id)),
            *self._lake.names(failed_batch_of_format_1(batch_id)),
        ]
        if not names:
            raise UnknownBatchError(f"There is no failed batch {batch_id!r}.")
        return names
