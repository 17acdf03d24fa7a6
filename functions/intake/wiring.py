"""The parts of the intake put together from the environment, once for the life of a function's process."""

import os
from functools import cache

import boto3
from botocore.config import Config

from intake.emr import Runs
from intake.lake import Lake
from intake.queue import Queue
from intake.refits import Refits
from intake.settings import Settings
from intake.telemetry import report

# Nobody waits for the launch of a run: if it does not answer soon, the clock comes again.
_STORING = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
_LAUNCHING = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})


@cache
def settings() -> Settings:
    """The checked settings; SettingsError names what is wrong."""
    return Settings.from_environment(os.environ)


@cache
def queue() -> Queue:
    """The queue in the lake bucket."""
    return Queue(_lake(), _runs(), settings(), report)


@cache
def refits() -> Refits:
    """The refits of the feature table."""
    return Refits(boto3.client("glue", config=_LAUNCHING), _lake(), _runs(), settings())


@cache
def _lake() -> Lake:
    return Lake(boto3.client("s3", config=_STORING), settings().lake_bucket)


@cache
def _runs() -> Runs:
    return Runs(boto3.client("emr-serverless", config=_LAUNCHING))
