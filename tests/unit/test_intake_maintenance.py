"""Maintenance is asked for when something is due, once, by a segment without keys."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pomona_contract.documents.erasure import Erasure
from pomona_contract.errors import FormatError
from pomona_contract.segments import parse_segment_name
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.maintenance import MaintenanceRequests
from pomona_intake.schedules.table_history import needs_maintenance
from tests.model.aws import S3
from tests.model.world import settings

DAY_MS = 86_400_000
NOW = datetime.fromtimestamp(100 * DAY_MS / 1000, UTC)
CLEAN = {"total-delete-files": "0"}
WITH_DELETES = {"total-delete-files": "1"}


def table(*snapshots: tuple[int, dict[str, str]]) -> dict[str, Any]:
    """Iceberg's metadata of snapshots of (day, summary), the last of which is the present one."""
    described = [
        {"snapshot-id": number, "timestamp-ms": day * DAY_MS, "summary": summary}
        for number, (day, summary) in enumerate(snapshots, start=1)
    ]
    return {"current-snapshot-id": len(described) or -1, "snapshots": described}


@pytest.mark.parametrize(
    ("metadata", "due"),
    [
        ({}, False),
        (table(), False),
        (table((1, CLEAN)), False),  # the present snapshot never expires
        (table((94, CLEAN), (99, CLEAN)), False),
        (table((92, CLEAN), (99, CLEAN)), True),
        (table((99, WITH_DELETES)), True),
        (table((98, WITH_DELETES), (99, CLEAN)), False),
    ],
)
def test_old_snapshots_and_deleted_rows_make_maintenance_due(metadata: dict[str, Any], due: bool) -> None:
    assert needs_maintenance(metadata, before=datetime.fromtimestamp(93 * DAY_MS / 1000, UTC)) is due


class Scene:
    """A lake with a queue in it, and a table of which only the metadata matter."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self.s3 = S3()
        lake = Lake(self.s3, "lake")
        writer = SegmentWriter(lake, lambda step: None, clock=lambda: NOW)
        metadata_file = type("Table", (), {"read": lambda _: metadata})()
        self.maintenance = MaintenanceRequests(metadata_file, lake, writer, settings())

    def erasure(self, state: str, form: int = 1) -> None:
        erasure = Erasure("1", "2026-11-21T08:00:00Z", "images", "apples/", [], state)
        self.s3.objects["erasures/open/1.json"] = json.dumps(erasure.document() | {"format": form}).encode()


def test_due_maintenance_is_asked_for_by_one_segment_without_keys() -> None:
    scene = Scene(table((99, WITH_DELETES)))

    asked = [scene.maintenance.request_if_due(NOW) for _ in range(2)]

    segment = parse_segment_name(asked[0])
    assert (segment.keys, segment.written_at, asked[1]) == (0, NOW, None)
    assert scene.s3.objects == {asked[0]: b""}


def test_nothing_is_asked_for_when_nothing_is_due() -> None:
    scene = Scene(table((99, CLEAN)))
    scene.erasure("final")
    assert scene.maintenance.request_if_due(NOW) is None


def test_an_open_erasure_is_due() -> None:
    scene = Scene(table((99, CLEAN)))
    scene.erasure("open")
    assert scene.maintenance.request_if_due(NOW) is not None


def test_an_erasure_of_an_unknown_format_is_refused() -> None:
    scene = Scene(table((99, CLEAN)))
    scene.erasure("open", form=7)
    with pytest.raises(FormatError, match=r"erasures/open/1\.json has format 7"):
        scene.maintenance.request_if_due(NOW)
