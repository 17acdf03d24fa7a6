"""Starting a refit: once for each time of the schedule, and only if the table has changed since the last one."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from intake.emr import Runs
from intake.errors import FormatError, code_of, transient_errors
from intake.history import changed_since, current_snapshot, has_rows
from intake.lake import Lake
from intake.runs import refit_parameters
from intake.settings import Settings
from intake.times import now, stamp

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

LATEST = "results/latest.json"
_FORMAT = 1
_FORMAT_VERSIONS = (1, 2, 3)  # of Iceberg's metadata
_LONGEST_SCHEDULE_DELAY = timedelta(days=1)


class Refits:
    """Refits of one table. Every method raises TransientError when AWS could not answer."""

    def __init__(self, glue: "GlueClient", lake: Lake, runs: Runs, settings: Settings) -> None:
        self._glue = glue
        self._lake = lake
        self._runs = runs
        self._settings = settings

    def start_if_changed(self, scheduled_at: datetime) -> str | None:
        """The id of the run that refits the table for this time of the schedule, None if there is nothing to refit."""
        metadata = self._table_metadata()
        snapshot_id = current_snapshot(metadata)
        if snapshot_id is None or not has_rows(metadata) or not changed_since(metadata, self._fitted_snapshot()):
            return None
        return self._start(snapshot_id, scheduled_at)

    def _start(self, snapshot_id: int, scheduled_at: datetime) -> str:
        parameters = refit_parameters(self._settings, f"refit-{snapshot_id}-{stamp(scheduled_at)}")
        since = scheduled_at - _LONGEST_SCHEDULE_DELAY
        found = self._runs.find(self._settings.application_id, parameters["name"], since)
        return found or self._runs.start(parameters, f"refit.{snapshot_id}.{stamp(scheduled_at)}")

    def _table_metadata(self) -> dict[str, Any]:
        """Iceberg's metadata of the table; nothing for a table that no run has created yet."""
        location = self._metadata_location()
        stored = self._lake.read(urlsplit(location).path.lstrip("/")) if location else None
        if stored is None:
            return {}
        body = gzip.decompress(stored.body) if ".gz" in str(location) else stored.body
        metadata: dict[str, Any] = json.loads(body)
        _check(str(location), metadata, "format-version", _FORMAT_VERSIONS)
        return metadata

    def _metadata_location(self) -> str | None:
        with transient_errors(f"asking for table {self._settings.table_name}"):
            try:
                answer = self._glue.get_table(DatabaseName=self._settings.database_name, Name=self._settings.table_name)
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return None
                raise
        return answer["Table"].get("Parameters", {}).get("metadata_location")

    def _fitted_snapshot(self) -> int | None:
        stored = self._lake.read(LATEST)
        if stored is None:
            return None
        latest = json.loads(stored.body)
        _check(LATEST, latest, "format", (_FORMAT,))
        return int(latest["snapshot_id"])


def scheduled_time(event: dict[str, Any]) -> datetime:
    """When the schedule was due: the `time` that EventBridge Scheduler writes into its input, else now."""
    try:
        return datetime.fromisoformat(event["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return now()


def _check(name: str, document: dict[str, Any], field: str, known: tuple[int, ...]) -> None:
    if document.get(field) not in known:
        raise FormatError(f"{name} has {field} {document.get(field)!r}, but this release reads only {known}.")
