"""The function `identify` in this process, with its buckets in moto."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

import identify
from pomona_identify import dependencies
from tests.identify_results import put_backbone, put_results

SETTINGS = {
    "LAKE_BUCKET": "lake",
    "IMAGES_BUCKET": "images",
    "IDENTIFY_ACCESS": "none",
    "MAX_IMAGE_BYTES": "2000000",
    "MAX_IMAGE_PIXELS": "100000000",
    "MAX_DECODED_BYTES": "536870912",
    "MAX_JPEG_SCANS": "100",
}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
CONTEXT = SimpleNamespace(
    function_name="identify",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:identify",
    aws_request_id="1",
)


def forget() -> None:
    """Let the next invocation be the first of a process."""
    dependencies.identify_of.cache_clear()
    dependencies.http_of.cache_clear()


@pytest.fixture
def identify_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:
    """A client of S3, where the lake has results and the bucket `images` is empty."""
    for name, value in (SETTINGS | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    forget()
    with mock_aws():
        client = boto3.client("s3")
        for bucket in ("lake", "images"):
            client.create_bucket(Bucket=bucket)
        put_backbone(client, "lake")
        put_results(client, "lake")
        yield client
    forget()


def invoke_identify(event: Any) -> Any:
    """The function's result, as it leaves Lambda."""
    return json.loads(json.dumps(identify.handler(event, CONTEXT)))
