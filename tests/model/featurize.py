"""The featurize job as the queue's proof sees it: look at the bucket, then publish if nobody else has."""

from dataclasses import dataclass, field

from tests.model.aws import S3, EmrServerless
from tests.model.process import Process

Rows = dict[str, int]


@dataclass
class Table:
    """The feature table: a history of snapshots, each with its rows; a row is the version of the object it shows."""

    snapshots: list[Rows] = field(default_factory=lambda: [{}])
    bases: list[int] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    publishers: list[object] = field(default_factory=list)
    """Which attempt has made each snapshot; None for one of the cluster."""

    @property
    def head(self) -> int:
        return len(self.snapshots) - 1

    @property
    def rows(self) -> Rows:
        return self.snapshots[-1]

    def may_publish(self, base: int) -> bool:
        """Iceberg refuses to fast-forward a branch whose base is not the head."""
        return base == self.head

    def publish(self, base: int, looked_at: dict[str, int | None]) -> None:
        merged = {**self.snapshots[base], **looked_at}
        self.snapshots.append({key: version for key, version in merged.items() if version is not None})
        self.bases.append(base)
        self.publishers.append(None)

    def may_append(self, base: int) -> bool:
        """pyiceberg's append that requires its base: refused after any other commit, an empty one included."""
        return base == self.head

    def append(self, base: int, new: dict[str, int | None], publisher: object) -> None:
        """Add rows to what the table has now; nothing replaces a row that is there."""
        self.doubled |= new.keys() & self.rows.keys()
        self.snapshots.append(self.rows | {key: version for key, version in new.items() if version is not None})
        self.bases.append(base)
        self.publishers.append(publisher)


class Run(Process):
    """The process of one run; it may go on after EMR Serverless has given it up."""

    def __init__(self, run_id: str, lake: S3, emr: EmrServerless, table: Table, bucket: dict[str, int]) -> None:
        super().__init__(lake, self._begin)
        self.run_id = run_id
        self.base = -1
        self._emr, self._table, self._bucket = emr, table, bucket
        self._unseen: list[str] = []
        self._looked_at: dict[str, int | None] = {}

    def end(self, state: str) -> None:
        """The process ends, and EMR Serverless says how."""
        self.over = True
        self._emr.end(self.run_id, state)

    @property
    def attempt(self) -> tuple[str, int]:
        """The batch and the attempt that the run was started for."""
        arguments = self._emr.runs[self.run_id]["jobDriver"]["sparkSubmit"]["entryPointArguments"]
        named = dict(zip(arguments[::2], arguments[1::2], strict=True))
        return named["--batch-id"], int(named["--attempt"])

    def _begin(self) -> None:
        self._emr.begin(self.run_id)
        claim = self._claim_of(*self.attempt)
        if claim is None:
            self.end("FAILED")
            return
        self.base = self._table.head
        self._unseen = self._keys(claim)
        self._next = self._look

    def _look(self) -> None:
        if self._unseen:
            key = self._unseen.pop()
            self._looked_at[key] = self._bucket.get(key)
        else:
            self._next = self._check_fence

    def _check_fence(self) -> None:
        if self._claim_of(*self.attempt) is None:
            self.end("FAILED")
        self._next = self._publish

    @property
    def is_about_to_publish(self) -> bool:
        """True if its next step is to publish."""
        return self._next == self._publish

    def _publish(self) -> None:
        if not self._table.may_publish(self.base):
            self.end("FAILED")
            return
        self._table.publish(self.base, self._looked_at)
        self._next = self._succeed

    def _succeed(self) -> None:
        self.end("SUCCESS")
