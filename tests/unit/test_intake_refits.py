"""A refit is started once for each time of the schedule, and only if rows have changed since the last one."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from intake.emr import Runs
from intake.errors import FormatError, TransientError
from intake.history import changed_since, has_rows, unfitted_since
from intake.lake import Lake
from intake.refits import LATEST, Refits, scheduled_time
from intake.table_metadata import TableMetadata
from tests.model.aws import S3, EmrServerless, client_error
from tests.model.world import settings

HOUR_MS = 3_600_000
SCHEDULED = datetime(2026, 11, 21, 8, tzinfo=UTC)
NOTHING = {"operation": "append", "total-records": "9"}
ADDED = {"operation": "append", "added-records": "9", "total-records": "9"}
DELETED = {"operation": "overwrite", "added-position-deletes": "1", "total-records": "9", "total-position-deletes": "1"}
COMPACTED = {"operation": "replace", "added-records": "9", "deleted-records": "9", "total-records": "9"}
EMPTIED = {"operation": "delete", "deleted-records": "9", "total-records": "0"}


def table(*summaries: dict[str, str], expired: int = 0) -> dict[str, Any]:
    """Iceberg's metadata of a table with snapshots 1, 2, …, of which the first have expired."""
    snapshots = [
        {
            "snapshot-id": number,
            "parent-snapshot-id": number - 1,
            "timestamp-ms": number * HOUR_MS,
            "summary": summary,
        }
        for number, summary in enumerate(summaries, start=1)
    ]
    return {"format-version": 2, "current-snapshot-id": len(summaries) or -1, "snapshots": snapshots[expired:]}


@pytest.mark.parametrize(
    ("metadata", "since", "changed"),
    [
        (table(ADDED), None, True),
        (table(ADDED), 1, False),
        (table(ADDED, NOTHING), 1, False),
        (table(ADDED, NOTHING, DELETED), 1, True),
        (table(ADDED, DELETED, NOTHING), 1, True),
        (table(ADDED, COMPACTED), 1, False),
        (table(ADDED, NOTHING, NOTHING, expired=2), 1, True),
        (table(ADDED, COMPACTED, expired=1), 1, True),
        (table(COMPACTED, expired=0), None, True),
    ],
)
def test_a_table_has_changed_when_a_snapshot_changed_rows(
    metadata: dict[str, Any], since: int | None, changed: bool
) -> None:
    assert changed_since(metadata, since) is changed


@pytest.mark.parametrize(
    ("metadata", "since", "hour"),
    [
        (table(ADDED, DELETED, NOTHING), None, 1),
        (table(ADDED, NOTHING, DELETED, ADDED), 1, 3),
        (table(ADDED, COMPACTED), 1, None),
        (table(ADDED, ADDED, DELETED, expired=2), 1, 3),
        (table(), None, None),
    ],
)
def test_the_oldest_change_that_no_refit_has_seen_is_known(
    metadata: dict[str, Any], since: int | None, hour: int | None
) -> None:
    expected = None if hour is None else datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC)
    assert unfitted_since(metadata, since) == expected


def test_a_table_whose_rows_are_all_deleted_has_none() -> None:
    assert has_rows(table(ADDED))
    assert has_rows(table(ADDED, DELETED))
    assert not has_rows(table(ADDED, EMPTIED))
    assert not has_rows(table(ADDED, {"total-records": "9", "total-position-deletes": "9"}))
    assert not has_rows(table())


class Glue:
    def __init__(self, location: str | None) -> None:
        self.location = location
        self.error: ClientError | None = None

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        if self.error or self.location is None:
            raise self.error or client_error("EntityNotFoundException", 400, "GetTable")
        return {"Table": {"Name": Name, "Parameters": {"metadata_location": self.location}}}


class Scene:
    """A lake, a catalog and EMR Serverless with one table in them."""

    def __init__(self, metadata: dict[str, Any] | None, fitted: int | None = None, suffix: str = ".metadata.json"):
        self.lake = S3()
        name = f"warehouse/pomona.db/features/metadata/00001-abc{suffix}"
        body = json.dumps(metadata).encode()
        self.lake.objects[name] = gzip.compress(body) if ".gz" in suffix else body
        if fitted is not None:
            self.lake.objects[LATEST] = json.dumps({"format": 1, "snapshot_id": fitted}).encode()
        self.glue = Glue(None if metadata is None else f"s3://lake/{name}")
        self.emr = EmrServerless({"app-1"})
        self.refits = Refits(
            TableMetadata(self.glue, Lake(self.lake, "lake"), settings()),
            Lake(self.lake, "lake"),
            Runs(self.emr),
            settings(),
        )


@pytest.mark.parametrize("suffix", [".metadata.json", ".gz.metadata.json"])
def test_a_changed_table_is_refitted_once_for_each_time(suffix: str) -> None:
    scene = Scene(table(ADDED), suffix=suffix)

    runs = {scene.refits.start_if_changed(SCHEDULED) for _ in range(2)}

    assert runs == {"run-0"}
    assert list(scene.emr.tokens) == ["refit.1.20261121T080000000Z"]
    assert scene.emr.runs["run-0"]["name"] == "refit-1-20261121T080000000Z"


def test_a_refit_whose_token_was_forgotten_is_found_by_its_name() -> None:
    scene = Scene(table(ADDED))
    scene.refits.start_if_changed(SCHEDULED)
    scene.emr.tokens.clear()

    assert scene.refits.start_if_changed(SCHEDULED) == "run-0"


def test_a_token_fits_the_largest_snapshot_id() -> None:
    largest = 2**63 - 1
    snapshot = {"snapshot-id": largest, "timestamp-ms": HOUR_MS, "summary": ADDED}
    scene = Scene({"format-version": 2, "current-snapshot-id": largest, "snapshots": [snapshot]})

    scene.refits.start_if_changed(SCHEDULED)

    assert len(next(iter(scene.emr.tokens))) <= 64


@pytest.mark.parametrize(
    ("metadata", "fitted"),
    [(None, None), (table(), None), (table(ADDED), 1), (table(ADDED, COMPACTED), 1), (table(ADDED, EMPTIED), 1)],
)
def test_nothing_is_started_when_there_is_nothing_new_to_refit(
    metadata: dict[str, Any] | None, fitted: int | None
) -> None:
    scene = Scene(metadata, fitted)

    assert scene.refits.start_if_changed(SCHEDULED) is None
    assert not scene.emr.runs


def test_a_catalog_that_cannot_answer_is_not_an_empty_one() -> None:
    scene = Scene(table(ADDED))
    scene.glue.error = client_error("ThrottlingException", 400, "GetTable")

    with pytest.raises(TransientError):
        scene.refits.start_if_changed(SCHEDULED)


def test_a_result_of_another_format_is_refused() -> None:
    scene = Scene(table(ADDED))
    scene.lake.objects[LATEST] = b'{"format": 2}'

    with pytest.raises(FormatError, match=r"results/latest\.json has format 2"):
        scene.refits.start_if_changed(SCHEDULED)


def test_the_schedule_says_when_it_was_due() -> None:
    assert scheduled_time({"time": "2026-11-21T08:00:00Z"}) == SCHEDULED
    assert scheduled_time({"time": "2026-11-21T09:00:00+01:00"}) == SCHEDULED


@pytest.mark.parametrize("event", [{}, {"time": None}, {"time": "<aws.scheduler.scheduled-time>"}])
def test_a_call_by_hand_is_due_now(event: dict[str, Any]) -> None:
    assert (datetime.now(UTC) - scheduled_time(event)).total_seconds() < 60
