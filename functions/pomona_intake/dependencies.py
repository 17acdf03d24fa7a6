"""The parts of the intake put together from the environment, once for the life of a function's process."""

import os
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.session import Session, get_session

from pomona_intake.ingest.wake_up import Poke
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause import LineState
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.queue.steps import Step
from pomona_intake.runs.bills import Bills
from pomona_intake.runs.emr_client import Runs
from pomona_intake.runs.prices import prices_of
from pomona_intake.runs.run_metrics import Bookkeeping
from pomona_intake.s3.lake import Lake
from pomona_intake.schedules.maintenance import Maintenance
from pomona_intake.schedules.refits import Refits
from pomona_intake.schedules.table_metadata import TableMetadata
from pomona_intake.settings import IntakeSettings, Settings, read_settings
from pomona_intake.telemetry import logger, measure, report
from pomona_intake.times import now

# Nobody waits for the launch of a run: if it does not answer soon, the clock comes again.
_STORING = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
# Nor for the books: what they cannot have within seconds they do without.
_BOOKING = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"})
_LAUNCHING = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})


def _client(service: str, config: Config) -> Any:  # noqa: ANN401 - botocore's clients have no static type
    """The client that `boto3.client` gives, without boto3 itself: a cold start would wait for its import as well."""
    return _session().create_client(service, config=config)


@cache
def _session() -> Session:
    return get_session()


@cache
def settings() -> Settings:
    """The checked settings; SettingsError names what is wrong."""
    return Settings.from_environment(os.environ)


@cache
def intake_settings() -> IntakeSettings:
    """The checked settings of `ingest`; SettingsError names what is wrong."""
    return read_settings(IntakeSettings, os.environ)


@cache
def writer() -> SegmentWriter:
    """The writer of segments, in a function that only ingests."""
    return SegmentWriter(_lake_of(intake_settings().lake_bucket), report)


@cache
def poke() -> Poke:
    """What wakes `advance`."""
    settings = intake_settings()
    return Poke(_lake_of(settings.lake_bucket), _client("lambda", config=_LAUNCHING), settings.advance_function_name)


@cache
def queue() -> Queue:
    """The queue in the lake bucket."""
    failed = FailedBatches(_lake(), SegmentWriter(_lake(), report))
    return Queue(_lake(), _runs(), failed, line(), settings(), _report)


@cache
def line() -> LineState:
    """Whether batches fail in a row."""
    return LineState(_lake(), settings().retry_after, logger.warning)


@cache
def books() -> Bookkeeping:
    """What ended runs did and cost."""
    lake, emr = Lake(_client("s3", config=_BOOKING), settings().lake_bucket), _client("emr-serverless", config=_BOOKING)
    bills = Bills(lake, prices_of(emr.meta.region_name))
    return Bookkeeping(lake, bills, Runs(emr), settings().application_id, measure, logger)


def _report(step: Step) -> None:
    report(step)
    books().note(step)


@cache
def refits() -> Refits:
    """The refits of the feature table."""
    return Refits(_table(), _lake(), _runs(), settings(), _report_unfitted)


@cache
def maintenance() -> Maintenance:
    """The maintenance of the feature table."""
    return Maintenance(_table(), _lake(), SegmentWriter(_lake(), report), settings())


@cache
def _table() -> TableMetadata:
    return TableMetadata(_client("glue", config=_LAUNCHING), _lake(), settings())


def _report_unfitted(since: datetime | None) -> None:
    measure("UnfittedSeconds", MetricUnit.Seconds, (now() - since).total_seconds() if since else 0)


def _lake() -> Lake:
    return _lake_of(settings().lake_bucket)


@cache
def _lake_of(bucket: str) -> Lake:
    return Lake(_client("s3", config=_STORING), bucket)


@cache
def _runs() -> Runs:
    return Runs(_client("emr-serverless", config=_LAUNCHING))
