"""Where a stack is looked for: its name, its Region and, for the embedded AWS, its endpoint."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from pomona_cli.errors import UsageError

_DEFAULT_STACK = "pomona"


@dataclass(frozen=True)
class StackOptions:
    """The options that name a stack, as the operator gives them; None where an option is not given."""

    stack: str | None = None
    region: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True)
class StackLocation:
    """Where a stack is looked for."""

    stack: str
    region: str
    endpoint: str | None

    def __str__(self) -> str:
        return f"region {self.region}" + (f" at {self.endpoint}" if self.endpoint else "")


def locate(options: StackOptions, before: StackOptions) -> StackLocation:
    """Return where to look for a stack; the environment and the profile supply what no option names.

    Args:
        options: the options after the command, which win.
        before: the options before the command.

    Raises:
        UsageError: the name, the Region or the endpoint is missing or invalid.
    """
    return StackLocation(
        _checked_name(_first(options.stack, before.stack, os.environ.get("POMONA_STACK") or _DEFAULT_STACK)),
        _checked_region(_first(options.region, before.region) or _default_region()),
        _checked_endpoint(_first(options.endpoint, before.endpoint, os.environ.get("AWS_ENDPOINT_URL"))),
    )


def _first(*values: str | None) -> str | None:
    """Return the first value that is given; it may be empty."""
    return next((value for value in values if value is not None), None)


def _checked_name(stack: str | None) -> str:
    if not stack or not stack.strip():
        raise UsageError("The name of the stack is empty: set --stack or POMONA_STACK.")
    return stack


def _default_region() -> str | None:
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        return os.environ.get("AWS_REGION") or boto3.Session().region_name  # which reads AWS_DEFAULT_REGION
    except ProfileNotFound as error:
        raise UsageError(f"{error}: check AWS_PROFILE.") from None


def _checked_region(region: str | None) -> str:
    from botocore.exceptions import InvalidRegionError
    from botocore.utils import validate_region_name

    if not region:
        raise UsageError("No Region is set: pass --region, or set AWS_REGION or AWS_DEFAULT_REGION.")
    try:
        validate_region_name(region)
    except InvalidRegionError:
        names = "--region, AWS_REGION and AWS_DEFAULT_REGION"
        raise UsageError(f"{region!r} is no name of a Region: check {names}.") from None
    return region


def _checked_endpoint(endpoint: str | None) -> str | None:
    if not endpoint:
        return None
    if not _is_http_address(endpoint):
        raise UsageError(f"{endpoint!r} is no address for --endpoint-url: write it as http://127.0.0.1:5000.")
    return endpoint


def _is_http_address(endpoint: str) -> bool:
    from botocore.utils import is_valid_endpoint_url

    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and parts.port != 0 and is_valid_endpoint_url(endpoint)
    except ValueError:  # a port that is no number, or a bracket that is not closed
        return False
