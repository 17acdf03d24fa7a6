"""Failed batches: segments that were set aside in `queue/failed/<batch id>/`, with the reason beside them.

A segment is copied on the server side before its original is deleted, and nobody reads what it holds: setting aside
and putting back take the same memory at any number of keys, survive any content, and can be repeated after a crash.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from pomona_intake.errors import PreconditionFailedError, UnknownBatchError
from pomona_intake.queue.documents import Claim, FailedBatch, keys_of_format_1
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.queue.segments import basename, put_back_name
from pomona_intake.s3.lake import Lake
from pomona_intake.times import iso, now

FAILED = "queue/failed/"
_DOCUMENT = "batch.json"


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
        children = self._lake.children(FAILED)
        return sorted({child.removeprefix(FAILED).removesuffix("/").removesuffix(".json") for child in children})

    def read(self, batch_id: str) -> FailedBatch | None:
        """Return what is known of a failed batch, None if there is none; FormatError if its document is unreadable."""
        for name in (_document(batch_id), _format_1(batch_id)):
            if (stored := self._lake.read(name)) is not None:
                return FailedBatch.from_json(name, stored.body)
        return None

    def set_aside(self, claim: Claim, reason: str) -> None:
        """Move the segments of a batch here; call it again after a crash, and it goes on where it ended."""
        folder = _folder(claim.batch_id)
        self._lake.move({name: folder + basename(name) for name in claim.names})
        if next(self._lake.names(folder), None) is None:
            return  # another caller has moved them, and an operator has put them back since
        batch = FailedBatch(claim.batch_id, claim.failures, reason, iso(self._clock()), claim.keys, len(claim.segments))
        with suppress(PreconditionFailedError):
            self._lake.create(_document(claim.batch_id), batch.to_json())

    def retry(self, batch_id: str) -> list[str]:
        """Put a failed batch back into the queue and return the names of its segments.

        Raises:
            UnknownBatchError: no batch of that id has failed.
        """
        if (stored := self._lake.read(_format_1(batch_id))) is not None:
            keys = keys_of_format_1(_format_1(batch_id), stored.body)
            written = self._writer.write(keys, f"retry-{self._new_id()}")
            self._lake.delete(_format_1(batch_id), stored.etag)
            return written
        segments = [name for name in self._known(batch_id) if name != _document(batch_id)]
        moment, request = self._clock(), self._new_id()
        targets = {name: put_back_name(name, moment, request, part) for part, name in enumerate(segments)}
        self._lake.move(targets)
        self._lake.delete_all([_document(batch_id)])
        return list(targets.values())

    def discard(self, batch_id: str) -> None:
        """Delete a failed batch for good, the document last; UnknownBatchError if there is none of that id."""
        names = self._known(batch_id)
        self._lake.delete_all([name for name in names if name != _document(batch_id)])
        self._lake.delete_all([_document(batch_id), _format_1(batch_id)])

    def _known(self, batch_id: str) -> list[str]:
        names = list(self._lake.names(_folder(batch_id))) + list(self._lake.names(_format_1(batch_id)))
        if not names:
            raise UnknownBatchError(f"There is no failed batch {batch_id!r}.")
        return names


def _folder(batch_id: str) -> str:
    return f"{FAILED}{batch_id}/"


def _document(batch_id: str) -> str:
    return _folder(batch_id) + _DOCUMENT


def _format_1(batch_id: str) -> str:
    """Return where earlier releases kept a failed batch, with its keys inside."""
    return f"{FAILED}{batch_id}.json"
