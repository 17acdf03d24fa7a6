"""S3."""

from collections.abc import Callable
from typing import Any

from moto.s3 import models
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, NotificationConfiguration, S3Backend, s3_backends
from moto.s3.notifications import S3NotificationEvent, send_event
from moto.s3.responses import S3Response

from embedded_aws.moto_internals.substitution import substitute_backend

__all__ = [
    "FakeBucket",
    "FakeDeleteMarker",
    "FakeKey",
    "NotificationConfiguration",
    "S3Backend",
    "S3ClientError",
    "S3NotificationEvent",
    "install",
    "moto_list_object_versions",
    "s3_backends",
    "send_event",
]

moto_list_object_versions = S3Response.list_object_versions


def install(backend: type, key: type, bucket: type, list_object_versions: Callable[[Any], Any]) -> None:
    """Replace the backend, its objects and buckets, and the answer to ListObjectVersions."""
    substitute_backend(s3_backends, backend)
    models.FakeKey, models.FakeBucket = key, bucket
    S3Response.list_object_versions = list_object_versions
