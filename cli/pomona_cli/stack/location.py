"""Where a stack is looked for: its name, its Region and, for the embedded AWS, its endpoint."""

import os
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pomona_cli.errors import UsageError

DEFAULT_STACK = "pomona"


@dataclass(frozen=True)
class StackLocation:
    """Where a stack is looked for."""

    stack: str
    region: str | None
    endpoint: str | None

    def __str__(self) -> str:
        return f"region {self.region or '(none)'}" + (f" at {self.endpoint}" if self.endpoint else "")


def resolve(location: StackLocation) -> StackLocation:
    """Return the location with the Region of the environment or the profile if it has none.

    Raises:
        UsageError: the name, the Region or the endpoint is missing or invalid.
    """
    import boto3

    if not location.stack.strip():
        raise UsageError("The name of the stack is empty: set --stack or POMONA_STACK.")
    if location.endpoint and not _is_http_address(location.endpoint):
        raise UsageError(f"{location.endpoint!r} is no address for --endpoint-url: write it as http://127.0.0.1:5000.")
    region = location.region or os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not region:
        raise UsageError("No Region is set: pass --region, or set AWS_REGION or AWS_DEFAULT_REGION.")
    return replace(location, region=_valid_region(region), endpoint=location.endpoint or None)


def _valid_region(region: str) -> str:
    from botocore.exceptions import InvalidRegionError
    from botocore.utils import validate_region_name

    try:
        validate_region_name(region)
    except InvalidRegionError:
        raise UsageError(
            f"{region!r} is no name of a Region: check --region, AWS_REGION and AWS_DEFAULT_REGION."
        ) from None
    return region


def _is_http_address(endpoint: str) -> bool:
    from botocore.utils import is_valid_endpoint_url

    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and parts.port != 0 and is_valid_endpoint_url(endpoint)
    except ValueError:  # a port that is no number, or a bracket that is not closed
        return False
