"""A refit is started once for each time of the schedule, if rows or settings have changed and none is unfinished."""

import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import LATEST_RESULTS, NOTHING_TO_FIT
from pomona_intake.errors import TransientError
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.refits import Decision, Refits
from pomona_intake.schedules.schedule_events import scheduled_time
from pomona_intake.schedules.table_history import changed_since, row_count, unfitted_since
from pomona_intake.schedules.table_metadata import TableMetadata
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


def test_the_summary_of_the_table_counts_its_rows() -> None:
    assert row_count(table(ADDED)) == 9
    assert row_count(table(ADDED, DELETED)) == 8
    assert row_count(table(ADDED, EMPTIED)) == 0
    assert row_count(table(ADDED, {"total-records": "9", "total-position-deletes": "9"})) == 0
    assert row_count(table()) == 0


class Glue:
    def __init__(self, location: str | None) -> None:
        self.location = location
        self.error: ClientError | None = None

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        if self.error or self.location is None:
            raise self.error or client_error("EntityNotFoundException", 400, "GetTable")
        return {"Table": {"Name": Name, "Parameters": {"metadata_location": self.location}}}


class RefusingEmr(EmrServerless):
    """EMR Serverless whose operations may be refused, and whose listings may not have the latest runs yet."""

    def __init__(self) -> None:
        super().__init__({"app-1"})
        self.refuses: dict[str, ClientError] = {}
        self.listing_lags = False

    def start_job_run(self, applicationId: str, clientToken: str, **parameters: Any) -> dict[str, Any]:
        self._refuse("start_job_run")
        return super().start_job_run(applicationId, clientToken, **parameters)

    def list_job_runs(self, applicationId: str, createdAtAfter: Any) -> dict[str, Any]:
        self._refuse("list_job_runs")
        self.listed_since = createdAtAfter
        return {"jobRuns": []} if self.listing_lags else super().list_job_runs(applicationId, createdAtAfter)

    def _refuse(self, operation: str) -> None:
        if error := self.refuses.get(operation):
            raise error


class Scene:
    """A lake, a catalog and EMR Serverless with one table in them; `latest` is what latest.json says besides."""

    def __init__(
        self,
        metadata: dict[str, Any] | None,
        fitted: int | None = None,
        suffix: str = ".metadata.json",
        changed: Mapping[str, str] | None = None,
        **latest: str,
    ) -> None:
        self.lake = S3()
        self._name = f"warehouse/pomona.db/features/metadata/00001-abc{suffix}"
        self.becomes(metadata)
        if fitted is not None:
            self.lake.objects[LATEST_RESULTS] = json.dumps({"format": 1, "snapshot_id": fitted, **latest}).encode()
        self.glue = Glue(None if metadata is None else f"s3://lake/{self._name}")
        self.emr = RefusingEmr()
        self.reported: list[datetime | None] = []
        lake, values = Lake(self.lake, "lake"), settings(**(changed or {}))
        self._refits = Refits(
            TableMetadata(self.glue, lake, values.database_name, values.table_name),
            lake,
            EmrClient(self.emr),
            values,
            self.reported.append,
        )

    def becomes(self, metadata: dict[str, Any] | None) -> None:
        body = json.dumps(metadata).encode()
        self.lake.objects[self._name] = gzip.compress(body) if ".gz" in self._name else body

    def start(self, scheduled_at: datetime = SCHEDULED) -> Decision:
        return self._refits.start_if_due(scheduled_at)


@pytest.mark.parametrize("suffix", [".metadata.json", ".gz.metadata.json"])
def test_a_changed_table_is_refitted_once_for_each_time(suffix: str) -> None:
    scene = Scene(table(ADDED), suffix=suffix)

    decisions = [scene.start() for _ in range(2)]

    assert [decision.run_id for decision in decisions] == ["run-0", "run-0"]
    assert [decision.reason for decision in decisions] == ["started", "started by an earlier invocation for this time"]
    assert scene.emr.runs["run-0"]["name"] == "refit-1-20261121T080000000Z"
    assert len(scene.emr.runs) == 1


def test_an_invocation_that_is_repeated_starts_nothing_after_its_run_has_failed() -> None:
    scene = Scene(table(ADDED))
    scene.start()
    scene.emr.tokens.clear()  # AWS does not say for how long a token is remembered
    scene.emr.end("run-0", "FAILED")

    assert scene.start().run_id == "run-0"
    assert len(scene.emr.runs) == 1


@pytest.mark.parametrize("state", ["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING"])
def test_no_refit_starts_while_one_is_unfinished(state: str) -> None:
    # Given a refit of an earlier time that has not ended
    scene = Scene(table(ADDED))
    scene.start()
    scene.emr.runs["run-0"]["state"] = state
    # When the schedule comes again and again, whatever the table has become
    scene.becomes(table(ADDED, ADDED))
    decisions = {scene.start(SCHEDULED + timedelta(hours=hour)) for hour in range(1, 5)}
    # Then nothing is started, and the reason names the refit
    assert decisions == {Decision(None, f"refit-1-20261121T080000000Z is unfinished: {state}", "run-0")}
    assert len(scene.emr.runs) == 1


@pytest.mark.parametrize("state", ["SUCCESS", "FAILED", "CANCELLED"])
def test_the_next_refit_starts_when_the_last_one_has_ended(state: str) -> None:
    scene = Scene(table(ADDED))
    scene.start()
    scene.emr.end("run-0", state)

    assert scene.start(SCHEDULED + timedelta(hours=1)) == Decision("run-1", "started")


def test_a_table_whose_rows_are_all_deleted_waits_for_no_refit() -> None:
    scene = Scene(table(ADDED, EMPTIED), fitted=1)

    assert scene.start().run_id is None
    assert scene.reported == [None]


def test_earlier_refits_are_listed_for_longer_than_one_may_be_queued_and_run() -> None:
    # Given the limits: two hours in the queue, a day of RefitTimeoutMinutes, and a schedule that is a day late
    scene = Scene(table(ADDED))
    scene.start()

    assert scene.emr.listed_since <= SCHEDULED - timedelta(hours=2, days=2)


def test_a_featurize_run_in_flight_keeps_no_refit_waiting() -> None:
    scene = Scene(table(ADDED))
    scene.emr.start_job_run("app-1", "token", name="featurize-20261121T070000000Z-00-1")

    assert scene.start().run_id == "run-1"


def test_invocations_that_race_start_one_refit() -> None:
    # Given the schedule and an operator at the same moment: each lists the runs before the other has started one
    scene = Scene(table(ADDED))
    scene.emr.listing_lags = True

    runs = {scene.start(SCHEDULED + timedelta(seconds=second)).run_id for second in range(3)}

    assert runs == {"run-0"}


def test_each_refit_has_a_token_of_its_own_though_the_table_is_the_same() -> None:
    # Given refits of one snapshot that fail, one after the other
    scene = Scene(table(ADDED))
    for hour in range(4):
        run_id = scene.start(SCHEDULED + timedelta(hours=hour)).run_id
        assert run_id == f"run-{hour}"
        scene.emr.end(run_id, "FAILED")
    # Then none of them got the run of an earlier token
    assert len(scene.emr.tokens) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", token) for token in scene.emr.tokens)


@pytest.mark.parametrize("operation", ["list_job_runs", "start_job_run"])
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerException"])
def test_a_throttled_question_starts_no_second_refit(operation: str, code: str) -> None:
    # Given an unfinished refit, and an EMR Serverless that does not answer
    scene = Scene(table(ADDED))
    scene.start()
    if operation == "start_job_run":
        scene.emr.end("run-0", "FAILED")
    scene.emr.refuses = {operation: client_error(code, 429, operation)}
    # When the next time of the schedule is tried, and tried again
    for _ in range(3):
        with pytest.raises(TransientError):
            scene.start(SCHEDULED + timedelta(hours=1))
    # Then there is still one run
    assert len(scene.emr.runs) == 1


@pytest.mark.parametrize(
    ("metadata", "fitted"),
    [(None, None), (table(), None), (table(ADDED), 1), (table(ADDED, COMPACTED), 1), (table(ADDED, EMPTIED), 1)],
)
def test_nothing_is_started_when_there_is_nothing_new_to_refit(
    metadata: dict[str, Any] | None, fitted: int | None
) -> None:
    scene = Scene(metadata, fitted)

    assert scene.start().run_id is None
    assert not scene.emr.runs


def test_a_table_that_was_made_anew_is_refitted_though_its_snapshot_is_the_fitted_one() -> None:
    # Given results of a table that was dropped, and a new one (snapshot ids are random: only the UUID tells for sure)
    scene = Scene({**table(ADDED), "table-uuid": "new"}, fitted=1, table_uuid="dropped")
    assert scene.start().run_id == "run-0"
    # And the reason for the alarm is the new table's oldest change
    assert scene.reported == [datetime.fromtimestamp(HOUR_MS / 1000, UTC)]


def test_the_same_table_is_not_refitted() -> None:
    scene = Scene({**table(ADDED), "table-uuid": "same"}, fitted=1, table_uuid="same")
    assert scene.start() == Decision(None, "neither rows nor settings have changed since the last refit")
    assert scene.reported == [None]


@pytest.mark.parametrize(
    ("changed", "is_due"),
    [
        ({}, False),
        ({"COMPONENTS": "50"}, True),
        ({"COMPONENTS": "0.95"}, True),
        ({"BACKBONE_NAME": "resnet50"}, True),
    ],
)
def test_changed_settings_make_a_refit_due(changed: dict[str, str], is_due: bool) -> None:
    scene = Scene(table(ADDED), fitted=1, components_asked="100", backbone="fruitnet@0123456789ab", changed=changed)
    assert (scene.start().run_id is not None) == is_due


@pytest.mark.parametrize("text", ["0.95", ".95", "0.950"])
def test_the_same_share_in_other_digits_is_no_change(text: str) -> None:
    scene = Scene(table(ADDED), fitted=1, components_asked="0.95", changed={"COMPONENTS": text})
    assert scene.start().run_id is None


def test_results_of_an_earlier_release_are_understood() -> None:
    # Given a latest.json that says neither which table it is of nor how it was fitted
    assert Scene(table(ADDED), fitted=1).start().run_id is None
    assert Scene(table(ADDED, ADDED), fitted=1).start().run_id == "run-0"


ONE_ROW = {"operation": "append", "added-records": "1", "total-records": "1"}


@pytest.mark.parametrize("metadata", [table(ONE_ROW), table(ADDED, {**DELETED, "total-position-deletes": "8"})])
def test_a_table_of_one_image_starts_nothing_and_is_not_overdue(metadata: dict[str, Any]) -> None:
    scene = Scene(metadata)
    assert scene.start() == Decision(None, "the table has 1 image, and a PCA needs 2")
    assert scene.reported == [None]


def test_a_table_of_two_images_is_refitted() -> None:
    scene = Scene(table(ADDED | {"total-records": "2"}))
    assert scene.start() == Decision("run-0", "started")


def nothing_to_fit(snapshot_id: int = 1, stale: int = 0, **changed: str) -> bytes:
    content = {"table_uuid": "one", "snapshot_id": snapshot_id, "components_asked": "100", "stale": stale}
    content |= {"backbone": "fruitnet@0123456789ab", "reason": "all images are the same", "found_at": "2026-11-21"}
    return json.dumps(NothingToFit(**content | changed).document()).encode()  # type: ignore[arg-type]


def test_what_cannot_be_fitted_is_not_tried_again_until_something_changes() -> None:
    # Given rows of which the last refit could fit none
    metadata = {**table(ADDED), "table-uuid": "one"}
    scene = Scene(metadata, changed={"COMPONENTS": "100"})
    scene.lake.objects[NOTHING_TO_FIT] = nothing_to_fit()
    # When the schedule comes again, then nothing is started, and nothing is overdue
    assert scene.start() == Decision(
        None, "nothing has changed since the last refit found that all images are the same"
    )
    assert scene.reported == [None]
    # And new rows are tried
    scene.becomes({**table(ADDED, ADDED), "table-uuid": "one"})
    assert scene.start().run_id == "run-0"


@pytest.mark.parametrize("changed", [{"backbone": "resnet50@0"}, {"components_asked": "3"}, {"table_uuid": "other"}])
def test_a_note_about_other_settings_or_another_table_does_not_count(changed: dict[str, str]) -> None:
    scene = Scene({**table(ADDED), "table-uuid": "one"}, changed={"COMPONENTS": "100"})
    scene.lake.objects[NOTHING_TO_FIT] = nothing_to_fit(**changed)
    assert scene.start().run_id == "run-0"


def test_rows_that_wait_for_a_backfill_are_overdue_though_nothing_can_be_fitted() -> None:
    scene = Scene({**table(ADDED), "table-uuid": "one"}, changed={"COMPONENTS": "100"})
    scene.lake.objects[NOTHING_TO_FIT] = nothing_to_fit(stale=9)
    assert scene.start().run_id is None
    assert scene.reported == [datetime.fromtimestamp(HOUR_MS / 1000, UTC)]


def test_a_catalog_that_cannot_answer_is_not_an_empty_one() -> None:
    scene = Scene(table(ADDED))
    scene.glue.error = client_error("ThrottlingException", 400, "GetTable")

    with pytest.raises(TransientError):
        scene.start()


def test_a_result_of_another_format_is_refused() -> None:
    scene = Scene(table(ADDED))
    scene.lake.objects[LATEST_RESULTS] = b'{"format": 2}'

    with pytest.raises(FormatError, match=r"results/latest\.json has format 2"):
        scene.start()


def test_the_schedule_says_when_it_was_due() -> None:
    assert scheduled_time({"time": "2026-11-21T08:00:00Z"}) == SCHEDULED
    assert scheduled_time({"time": "2026-11-21T09:00:00+01:00"}) == SCHEDULED


@pytest.mark.parametrize("event", [{}, {"time": None}, {"time": "<aws.scheduler.scheduled-time>"}])
def test_a_call_by_hand_is_due_now(event: dict[str, Any]) -> None:
    assert (datetime.now(UTC) - scheduled_time(event)).total_seconds() < 60
