"""Build the parts of the functions from the environment, each once in the life of a process."""

import os
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.session import Session, get_session

from pomona_contract.lanes import Lane
from pomona_contract.prices import prices_of
from pomona_contract.run_names import RunName
from pomona_contract.times import now
from pomona_intake.ingest.advance_trigger import AdvanceTrigger
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.activity_log import log_activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.queue_metrics import QueueMetrics
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.bills import Bills
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.express_client import ExpressClient
from pomona_intake.runs.run_metrics import RunMetrics
from pomona_intake.runs.run_states import RunClient
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.maintenance import MaintenanceRequests
from pomona_intake.schedules.refits import Refits
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import IngestSettings, Settings
from pomona_intake.telemetry import logger, measure

_STORAGE = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
# A launch is not urgent: if AWS does not answer soon, the next scheduled invocation retries.
_LAUNCH = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
# Metrics are never worth waiting for: what does not come within seconds is left out.
_METRICS = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"})


def _client(service: str, config: Config) -> Any:  # noqa: ANN401 - botocore's clients have no static type
    """Return the client that `boto3.client` returns. boto3 is not imported, because that lengthens a cold start."""
    return _session().create_client(service, config=config)


@cache
def _session() -> Session:
    return get_session()


@cache
def settings() -> Settings:
    """Return the checked settings; raise SettingsError for a wrong one."""
    return Settings.from_environment(os.environ)


@cache
def ingest_settings() -> IngestSettings:
    """Return the checked settings of `ingest`; raise SettingsError for a wrong one."""
    return IngestSettings.from_environment(os.environ)


@cache
def ingest_writer() -> SegmentWriter:
    """Return the writer of segments, from the settings of `ingest`."""
    return SegmentWriter(_lake_of(ingest_settings().lake_bucket), log_activity)


@cache
def advance_trigger() -> AdvanceTrigger:
    """Return what invokes `advance`."""
    settings = ingest_settings()
    client = _client("lambda", config=_LAUNCH)
    return AdvanceTrigger(_lake_of(settings.lake_bucket), client, settings.advance_function_name)


@cache
def queue() -> Queue:
    """Return the queue in the lake bucket."""
    failed = FailedBatches(_lake(), SegmentWriter(_lake(), log_activity))
    runs: dict[Lane, RunClient] = {Lane.CLUSTER: _emr(), Lane.EXPRESS: express_runs()}
    return Queue(_lake(), runs, failed, _failure_pauses(), settings(), _on_activity)


@cache
def express_runs() -> ExpressClient:
    """Return the runs of the express lane."""
    known = settings()
    client = _client("lambda", config=_LAUNCH)
    return ExpressClient(_lake(), client, known.express_function_name, known.express_longest)


def _on_activity(activity: Activity) -> None:
    log_activity(activity)
    if activity.closed_run is not None:
        run_metrics().add_closed(RunName(activity.batch_id, activity.attempt), activity.closed_run)


@cache
def queue_metrics() -> QueueMetrics:
    """Return the metrics of the queue."""
    return QueueMetrics(_metrics_lake(), _failure_pauses(), measure, logger)


@cache
def run_metrics() -> RunMetrics:
    """Return the metrics and bills of ended runs."""
    emr = _client("emr-serverless", config=_METRICS)
    bills = Bills(_metrics_lake(), prices_of(emr.meta.region_name))
    return RunMetrics(_metrics_lake(), bills, EmrClient(emr), settings().application_id, measure, logger)


@cache
def refits() -> Refits:
    """Return the refits of the feature table."""
    return Refits(_table(), _lake(), _emr(), settings(), _measure_unfitted)


def _measure_unfitted(since: datetime | None) -> None:
    measure("UnfittedSeconds", MetricUnit.Seconds, (now() - since).total_seconds() if since else 0)


@cache
def maintenance_requests() -> MaintenanceRequests:
    """Return the requests for the feature table's maintenance."""
    return MaintenanceRequests(_table(), _lake(), SegmentWriter(_lake(), log_activity), settings())


@cache
def _failure_pauses() -> FailurePauseStore:
    return FailurePauseStore(_lake(), settings().retry_after, logger.warning)


@cache
def _table() -> TableMetadata:
    return TableMetadata(_client("glue", config=_LAUNCH), _lake(), settings().database_name, settings().table_name)


def _lake() -> Lake:
    return _lake_of(settings().lake_bucket)


@cache
def _lake_of(bucket: str) -> Lake:
    return Lake(_client("s3", config=_STORAGE), bucket)


@cache
def _metrics_lake() -> Lake:
    return Lake(_client("s3", config=_METRICS), settings().lake_bucket)


@cache
def _emr() -> EmrClient:
    return EmrClient(_client("emr-serverless", config=_LAUNCH))
