"""boto3 clients for a stack's account."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from pomona_cli.stack.location import StackLocation

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    retries={"mode": "standard", "max_attempts": 5},
)


def create_client(session: boto3.Session, service: str, location: StackLocation) -> Any:  # noqa: ANN401
    """Return a client of a service; boto3's clients have no static type."""
    create: Any = session.client  # typed by literal names alone
    return create(
        service, region_name=location.region, endpoint_url=location.endpoint, config=_config(location.endpoint)
    )


def _config(endpoint: str | None) -> Config:
    """Return boto3's configuration; a loopback address is not reached through a proxy."""
    return _CONFIG.merge(Config(proxies={})) if endpoint and _is_loopback(endpoint) else _CONFIG


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
