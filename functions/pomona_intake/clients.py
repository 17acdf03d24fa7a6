"""Clients of AWS, and how long the functions wait for it."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

from pomona_intake.s3.lake import Lake

STORAGE = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
# A launch is not urgent: if AWS does not answer soon, the next scheduled invocation retries.
LAUNCH = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
# Metrics are never worth waiting for: what does not come within seconds is left out.
METRICS = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"})


def client(service: str, config: Config) -> Any:  # noqa: ANN401 - botocore's clients have no static type
    """Return the client that `boto3.client` returns. boto3 is not imported, because that lengthens a cold start."""
    return _session().create_client(service, config=config)


@cache
def lake_of(bucket: str) -> Lake:
    """Return the lake in this bucket."""
    return Lake(client("s3", config=STORAGE), bucket)


@cache
def _session() -> Session:
    return get_session()
