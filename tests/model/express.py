"""The function `express` as the queue's proof sees it: it only appends, and defers what it may not do."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pomona_contract.documents.run_failure import RunFailure
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord
from pomona_contract.lanes import Lane
from pomona_contract.run_names import RunName
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import deferred_segments
from tests.model.aws import S3
from tests.model.featurize import Table
from tests.model.process import Process


class ExpressRun(Process):
    """The process of one invocation. Lambda may have delivered the event before, or may deliver it again."""

    def __init__(
        self, event: dict[str, Any], lake: S3, table: Table, bucket: dict[str, int], clock: Callable[[], datetime]
    ) -> None:
        super().__init__(lake, self._begin)
        self.event = event
        self.base = -1
        self._table, self._bucket, self._clock = table, bucket, clock
        self._unseen: list[str] = []
        self._new: dict[str, int | None] = {}
        self._deferred: list[str] = []

    def die(self) -> None:
        """The process ends, and leaves no document."""
        self.over = True

    @property
    def name(self) -> RunName:
        """The attempt for which the function was invoked."""
        found = RunName.parse(self.event["name"])
        assert found is not None
        return found

    def _begin(self) -> None:
        claim = self._claim_of(self.name.batch_id, self.name.attempt)
        if claim is None or self.name.record_key in self._lake.objects:
            self.over = True  # superseded: it leaves nothing
            return
        self.base = self._table.head
        self._unseen = self._keys(claim)
        self._next = self._look

    def _look(self) -> None:
        if not self._unseen:
            self._next = self._defer
            return
        key = self._unseen.pop()
        row, version = self._table.snapshots[self.base].get(key), self._bucket.get(key)
        if row is None and version is not None:
            self._new[key] = version
        elif row != version:
            self._deferred.append(key)

    def _defer(self) -> None:
        if self._deferred:
            keys = [DirtyKey("images", key, "") for key in self._deferred]
            for name, body in deferred_segments(keys, self.request_id, self._clock()).items():
                self._lake.put_object(Bucket="lake", Key=name, Body=body)
        self._next = self._check_fence

    @property
    def request_id(self) -> str:
        """A name for the deferred segment that no other invocation chooses."""
        return f"{self.name.batch_id}-{id(self):x}"

    def _check_fence(self) -> None:
        if self._claim_of(self.name.batch_id, self.name.attempt) is None:
            self.over = True
            return
        self._next = self._commit

    def _commit(self) -> None:
        if not self._table.may_append(self.base):
            if self._table.publishers[-1:] != [self.name]:  # else its event came twice, and the other run was first
                self._fail("the table has changed")
            self.over = True
            return
        self._table.append(self.base, self._new, self.name)
        self._next = self._record

    def _record(self) -> None:
        record = RunRecord(
            batch_id=self.name.batch_id,
            attempt=self.name.attempt,
            backbone="b@d",
            started_at=self._clock().isoformat(),
            finished_at=self._clock().isoformat(),
            snapshot_id=self._table.head,
            lane=Lane.EXPRESS,
            keys=len(self._new),
            images={},
            deferred=len(self._deferred),
            segments_missing=0,
            bytes=0,
            retries=0,
            maintenance=MaintenanceReport((), ""),
            seconds={"total": 1.0},
        )
        self._lake.put_object(Bucket="lake", Key=self.name.record_key, Body=json.dumps(record.document()).encode())
        self.over = True

    def _fail(self, reason: str) -> None:
        failure = RunFailure(self.name.batch_id, self.name.attempt, reason, self._clock().isoformat())
        self._lake.put_object(Bucket="lake", Key=self.name.failure_key, Body=failure.to_json())
        self.over = True
