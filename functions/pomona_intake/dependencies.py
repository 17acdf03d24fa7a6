"""Build the parts of the functions but `ingest` from the environment, each once in the life of a process."""

import os
from datetime import datetime
from functools import cache

from aws_lambda_powertools.metrics import MetricUnit

from pomona_contract.lanes import Lane
from pomona_contract.prices import prices_of
from pomona_contract.run_names import RunName
from pomona_contract.times import now
from pomona_intake.clients import LAUNCH, METRICS, client, lake_of
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
from pomona_intake.settings import Settings
from pomona_intake.telemetry import logger, measure


@cache
def settings() -> Settings:
    """Return the checked settings; raise SettingsError for a wrong one."""
    return Settings.from_environment(os.environ)


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
    return ExpressClient(_lake(), client("lambda", config=LAUNCH), known.express_function_name, known.express_longest)


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
    emr = client("emr-serverless", config=METRICS)
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
    return TableMetadata(client("glue", config=LAUNCH), _lake(), settings().database_name, settings().table_name)


def _lake() -> Lake:
    return lake_of(settings().lake_bucket)


@cache
def _metrics_lake() -> Lake:
    return Lake(client("s3", config=METRICS), settings().lake_bucket)


@cache
def _emr() -> EmrClient:
    return EmrClient(client("emr-serverless", config=LAUNCH))
