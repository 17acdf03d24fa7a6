"""obstore's client of a bucket. It takes a twentieth of boto3's CPU time for a GET."""

import functools
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import S3Store

# what follows the key in obstore's words for a 404, and the beginning of S3's answer. The URL has no space in it.
NO_SUCH_KEY = re.compile(
    r"Error performing GET \S+ in \S+ - Server returned non-2xx status code: 404 Not Found: "
    r"(<\?xml[^>]*>)?\s*<Error>\s*<Code>NoSuchKey</Code>"
)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for S3, in seconds."""

    connect_seconds: float = 5
    read_seconds: float = 15
    """For the next bytes of an answer."""
    object_seconds: float = 60
    """For a whole object, with each of the two clients; with boto3 for the header and again for the body."""


DEFAULT_TIMEOUTS = Timeouts()


def object_store(bucket: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> "S3Store":
    """Return this process's client of the bucket, at the endpoint AWS_ENDPOINT_URL if that is set.

    The credentials come from boto3's chain, which knows a job's role. Tasks share the client and its connections.
    """
    return _cached_store(bucket, os.environ.get("AWS_ENDPOINT_URL"), timeouts)


def says_no_such_key(error: Exception, key: str) -> bool:
    """Return True if S3's own answer to obstore's GET of this key was NoSuchKey.

    False means that boto3 has to ask: the answer was another one (as NoSuchBucket), or obstore's words have changed.
    obstore gives S3's code in its text alone. The text begins with the key. A key may itself read like an answer, so
    what follows it is matched.
    """
    before, text = f"Object at location {key} not found: ", str(error)
    return text.startswith(before) and NO_SUCH_KEY.match(text, len(before)) is not None


@functools.cache
def _cached_store(bucket: str, endpoint: str | None, timeouts: Timeouts) -> "S3Store":
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    return S3Store(
        bucket,
        credential_provider=Boto3CredentialProvider(),
        client_options={
            "allow_http": bool(endpoint),
            "connect_timeout": timedelta(seconds=timeouts.connect_seconds),
            "read_timeout": timedelta(seconds=timeouts.read_seconds),
            "timeout": timedelta(seconds=timeouts.object_seconds),
        },
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=timeouts.object_seconds)},
        endpoint=endpoint,
    )
