"""The handler of maintain with its schedule's event, against the APIs of AWS in memory."""

import json
from typing import Any

import boto3
import pytest

from pomona_contract.documents.erasure import Erasure
from pomona_contract.errors import FormatError
from pomona_intake.errors import TransientError
from tests.unit.stage import Stage

METADATA = "warehouse/features/metadata/1.metadata.json"
DAY_MS = 86_400_000
FIRED_MS = 1_795_248_000_000  # the time in events/maintain-schedule.json
EVENT = "maintain-schedule"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    boto3.client("glue").create_database(DatabaseInput={"Name": "pomona"})
    return stage


def put_table(stage: Stage, *snapshots: tuple[int, dict[str, str]], version: int = 2) -> None:
    """A table with snapshots of (days before the schedule fires, summary), of which the last is the present one."""
    described = [
        {"snapshot-id": number, "timestamp-ms": FIRED_MS - days * DAY_MS, "summary": summary}
        for number, (days, summary) in enumerate(snapshots, start=1)
    ]
    metadata = {"format-version": version, "current-snapshot-id": len(described), "snapshots": described}
    stage.s3.put_object(Bucket="lake", Key=METADATA, Body=json.dumps(metadata).encode())
    location = {"metadata_location": f"s3://lake/{METADATA}"}
    table: Any = {"Name": "features", "Parameters": location}
    boto3.client("glue").create_table(DatabaseName="pomona", TableInput=table)


def put_erasure(stage: Stage, state: str = "open") -> None:
    erasure = Erasure("1", "2026-11-21T08:00:00Z", "images", "apples/", [], state)
    stage.s3.put_object(Bucket="lake", Key="erasures/open/1.json", Body=erasure.to_json())


def test_without_a_table_nothing_is_asked_for(stage: Stage) -> None:
    assert stage.invoke("maintain", EVENT) == {"segment": None}
    assert stage.names("queue/") == []


def test_a_table_with_nothing_to_maintain_is_left_alone(stage: Stage) -> None:
    put_table(stage, (0, {"total-delete-files": "0"}))
    assert stage.invoke("maintain", EVENT) == {"segment": None}
    assert stage.names("queue/") == []


def test_rows_that_were_deleted_ask_for_a_run_of_no_keys(stage: Stage) -> None:
    put_table(stage, (0, {"total-delete-files": "1"}))
    answer = stage.invoke("maintain", EVENT)
    assert stage.names("queue/") == [answer["segment"]]
    assert stage.dirty() == []


@pytest.mark.parametrize(("days", "due"), [("31", False), ("29", True)])
def test_an_old_snapshot_is_due_after_the_days_that_the_settings_say(stage: Stage, days: str, due: bool) -> None:
    put_table(stage, (30, {"total-delete-files": "0"}), (0, {"total-delete-files": "0"}))
    stage.set(SNAPSHOT_DAYS=days)
    assert bool(stage.invoke("maintain", EVENT)["segment"]) is due


def test_an_open_erasure_asks_for_maintenance_once(stage: Stage) -> None:
    put_erasure(stage)
    first = stage.invoke("maintain", EVENT)
    assert first["segment"]
    assert stage.invoke("maintain", EVENT) == {"segment": None}
    assert stage.names("queue/pending/") == [first["segment"]]


def test_a_table_of_another_format_ends_the_invocation_with_a_sentence(stage: Stage) -> None:
    put_table(stage, (0, {}), version=9)
    with pytest.raises(FormatError, match="has format-version 9"):
        stage.invoke("maintain", EVENT)


def test_an_answer_that_aws_could_not_give_leaves_the_function_for_lambda_to_repeat(stage: Stage, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:9")
    with pytest.raises(TransientError):
        stage.invoke("maintain", EVENT)
    assert stage.names("queue/") == []
